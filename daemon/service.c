/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"

struct method {
	const char *name;
	void (*run)(struct call *call);
};

struct interface {
	const char *name;
	const char *description;
	const struct method *methods; /* ends with a NULL name */
};

static const char service_interface[] =
	"# Every Varlink service has this one: what is served here, and how it is described.\n"
	"interface org.varlink.service\n"
	"\n"
	"method GetInfo() -> (vendor: string, product: string, version: string, url: string,\n"
	"  interfaces: []string)\n"
	"\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n"
	"error ExpectedMore ()\n"
	"error ExpectedUpgrade ()\n";

static void method_get_info(struct call *call);
static void method_get_interface_description(struct call *call);

static const struct method service_methods[] = {
	{"GetInfo", method_get_info},
	{"GetInterfaceDescription", method_get_interface_description},
	{},
};

static const struct method gate_methods[] = {
	{"Load", method_load},		{"Unload", method_unload},
	{"List", method_list},		{"Describe", method_describe},
	{"Explain", method_explain},	{"Status", method_status},
	{"Reload", method_reload},	{"ListFloors", method_list_floors},
	{"SetFloor", method_set_floor}, {"ResetFloors", method_reset_floors},
	{"Gate", method_gate},		{},
};

static const struct interface interfaces[] = {
	{"org.bpfgate.Gate", gate_interface, gate_methods},
	{"org.varlink.service", service_interface, service_methods},
};

static const struct interface *find_interface(const char *name, size_t size)
{
	for (unsigned i = 0; i < ARRAY_SIZE(interfaces); i++)
		if (strlen(interfaces[i].name) == size &&
		    memcmp(interfaces[i].name, name, size) == 0)
			return &interfaces[i];
	return NULL;
}

static int add_interfaces(struct json_object *parameters)
{
	struct json_object *array = json_object_new_array();
	int r = json_add(parameters, "interfaces", array);

	for (unsigned i = 0; i < ARRAY_SIZE(interfaces) && r == 0; i++)
		r = json_array_add(array, json_object_new_string(interfaces[i].name));
	return r;
}

static void method_get_info(struct call *call)
{
	struct json_object *parameters = json_object_new_object();

	if (!call_parameters(call, (const struct json_member[]){{}})) {
		json_object_put(parameters);
		return;
	}
	json_add(parameters, "vendor", json_object_new_string("bpfgate"));
	json_add(parameters, "product", json_object_new_string("bpfgated"));
	json_add(parameters, "version", json_object_new_string(BPFGATE_VERSION));
	json_add(parameters, "url", json_object_new_string("man:bpfgated(8)"));
	add_interfaces(parameters);
	call_reply(call, parameters, NULL, 0);
}

static void method_get_interface_description(struct call *call)
{
	const char *name = NULL;
	const struct json_member members[] = {{"interface", JSON_STRING, true, &name}, {}};
	const struct interface *interface;
	struct json_object *parameters;

	if (!call_parameters(call, members))
		return;
	interface = find_interface(name, strlen(name));
	if (!interface) {
		call_reply_standard(call, "InterfaceNotFound", "interface", name);
		return;
	}
	parameters = json_object_new_object();
	json_add(parameters, "description", json_object_new_string(interface->description));
	call_reply(call, parameters, NULL, 0);
}

void service_call(struct call *call)
{
	const char *method = call->call.method, *dot = strrchr(method, '.');
	const struct interface *interface;

	interface = dot ? find_interface(method, (size_t)(dot - method)) : NULL;
	if (!interface) {
		char *name = strndup(method, dot ? (size_t)(dot - method) : strlen(method));

		call_reply_standard(call, "InterfaceNotFound", "interface", name ?: "");
		free(name);
		return;
	}
	/* No method hands the connection to another protocol, which a plain reply would confirm. */
	if (call->call.upgrade) {
		call_reply_standard(call, "MethodNotImplemented", "method", method);
		return;
	}
	for (const struct method *m = interface->methods; m->name; m++) {
		if (streq(m->name, dot + 1)) {
			m->run(call);
			return;
		}
	}
	call_reply_standard(call, "MethodNotFound", "method", method);
}
