// SPDX-License-Identifier: Apache-2.0
#include "shell/status/varlink_message.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rudder::varlink {
namespace {

using Json = nlohmann::json;

constexpr std::string_view k_service = "org.varlink.service";
constexpr std::string_view k_service_description =
    "# The Varlink service interface\n"
    "interface org.varlink.service\n\n"
    "method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n";

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string interface_of(const std::string& method) {
    const std::size_t dot = method.rfind('.');
    return dot == std::string::npos ? std::string() : method.substr(0, dot);
}

std::string get_info(const std::vector<Interface>& interfaces) {
    Json names = Json::array({k_service});
    for (const Interface& interface : interfaces) names.push_back(interface.name);
    return reply(to_text({{"vendor", "rudder"}, {"product", "rudderd"}, {"version", RUDDER_VERSION}, {"url", ""}, {"interfaces", names}}));
}

std::string get_description(const Call& call, const std::vector<Interface>& interfaces) {
    const Json parameters = Json::parse(call.parameters, nullptr, false);
    const auto wanted = parameters.find("interface");
    if (wanted == parameters.end() || !wanted->is_string()) {
        return error_reply("org.varlink.service.InvalidParameter", R"({"parameter":"interface"})");
    }
    if (*wanted == k_service) return reply(to_text({{"description", k_service_description}}));
    const auto found = std::find_if(interfaces.begin(), interfaces.end(), [&](const Interface& i) { return i.name == *wanted; });
    if (found != interfaces.end()) return reply(to_text({{"description", found->description}}));
    return error_reply("org.varlink.service.InterfaceNotFound", to_text({{"interface", *wanted}}));
}

}  // namespace

std::optional<Call> parse_call(std::string_view bytes) {
    const Json json = Json::parse(bytes, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    const auto method = json.find("method");
    if (method == json.end() || !method->is_string()) return std::nullopt;
    Call call;
    call.method = method->get<std::string>();
    const auto parameters = json.find("parameters");
    const bool has_parameters = parameters != json.end() && !parameters->is_null();
    if (has_parameters && !parameters->is_object()) return std::nullopt;
    call.parameters = has_parameters ? to_text(*parameters) : "{}";
    const auto oneway = json.find("oneway");
    call.is_oneway = oneway != json.end() && oneway->is_boolean() && oneway->get<bool>();
    return call;
}

std::string reply(std::string parameters) {
    parameters.insert(0, R"({"parameters":)").append("}").push_back('\0');
    return parameters;
}

Answer reply_in_pieces(std::function<bool(std::string&)> parameters) {
    return {R"({"parameters":)", [parameters = std::move(parameters)](std::string& out) {
                const bool is_more = parameters(out);
                if (!is_more) out.append("}").push_back('\0');
                return is_more;
            }};
}

std::string error_reply(std::string_view error, std::string_view parameters) {
    std::string text = R"({"error":)";
    text.append(to_text(Json(error))).append(R"(,"parameters":)").append(parameters).append("}").push_back('\0');
    return text;
}

std::optional<std::string> answer_service(const Call& call, const std::vector<Interface>& interfaces) {
    const std::string name = interface_of(call.method);
    if (name == k_service) {
        if (call.method == "org.varlink.service.GetInfo") return get_info(interfaces);
        if (call.method == "org.varlink.service.GetInterfaceDescription") return get_description(call, interfaces);
        return method_not_found(call);
    }
    if (std::any_of(interfaces.begin(), interfaces.end(), [&](const Interface& i) { return i.name == name; })) return std::nullopt;
    return error_reply("org.varlink.service.InterfaceNotFound", to_text({{"interface", name}}));
}

std::string method_not_found(const Call& call) {
    return error_reply("org.varlink.service.MethodNotFound", to_text({{"method", call.method}}));
}

}  // namespace rudder::varlink
