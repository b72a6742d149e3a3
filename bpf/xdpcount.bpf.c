// SPDX-License-Identifier: GPL-2.0-only
/*
 * xdpcount: packets and bytes that an interface receives, by IP protocol. Every packet passes; the
 * counters are in "protocols", one set a CPU.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* Numbers of IANA's "Protocol Numbers"; the names are shown to the user. Others count as well. */
enum protocol {
	NOT_IP = -1,
	HOPOPT = 0,
	ICMP = 1,
	IGMP = 2,
	TCP = 6,
	UDP = 17,
	ROUTING = 43,
	FRAGMENT = 44,
	GRE = 47,
	ESP = 50,
	AH = 51,
	ICMPV6 = 58,
	OSPF = 89,
	SCTP = 132,
};

struct count {
	__u64 packets;
	__u64 bytes; /* from the Ethernet header on */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 257); /* every protocol, and NOT_IP */
	__type(key, enum protocol);
	__type(value, struct count);
} protocols SEC(".maps");

#define VLAN_TAGS_MAX 2

struct vlan_tag {
	__be16 tci;
	__be16 type;
};

/* The EtherType behind VLAN tags, in network order; *at moves to what follows. 0: too short. */
static __always_inline __be16 skip_link_header(void **at, void *end)
{
	struct ethhdr *eth = *at;
	__be16 type;

	if ((void *)(eth + 1) > end)
		return 0;
	*at = eth + 1;
	type = eth->h_proto;

	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag = *at;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return 0;
		*at = tag + 1;
		type = tag->type;
	}
	return type;
}

/* IPv6: the first next header, extension headers are counted as what they are. */
static __always_inline enum protocol packet_protocol(void *at, void *end)
{
	__be16 type = skip_link_header(&at, end);

	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = at;

		if ((void *)(ip + 1) <= end)
			return ip->protocol;
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;

		if ((void *)(ip + 1) <= end)
			return ip->nexthdr;
	}
	return NOT_IP;
}

SEC("xdp")
int xdpcount(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	enum protocol protocol = packet_protocol(data, end);
	/* end - data would need CAP_PERFMON, and counts the first part of a packet only */
	struct count first = {.packets = 1, .bytes = bpf_xdp_get_buff_len(ctx)};
	struct count *count;

	/* XDP runs on one CPU without being interrupted by itself: no atomics are needed. */
	count = bpf_map_lookup_elem(&protocols, &protocol);
	if (count) {
		count->packets += 1;
		count->bytes += first.bytes;
	} else {
		bpf_map_update_elem(&protocols, &protocol, &first, BPF_ANY);
	}
	return XDP_PASS;
}
