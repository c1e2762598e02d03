// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/tc_netlink.hpp"

#include "shell/kernel/hook_driver.hpp"
#include "shell/os/os_error.hpp"

#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <memory>

namespace rudder {
namespace {

constexpr int k_attempts = 5;
/// The kernel answers a dump at once; a lost answer must not hold up the daemon for good.
constexpr timeval k_answer_timeout{5, 0};

using Socket = std::unique_ptr<nl_sock, decltype(&nl_socket_free)>;
using Message = std::unique_ptr<nl_msg, decltype(&nlmsg_free)>;

Error netlink_error(const HookSpec& hook, int code) {
    return {"dump tc filters at " + hook_text(hook) + ": " + nl_geterror(code), 0};
}

void read_bpf_options(nlattr* options, TcFilter& filter) {
    std::array<nlattr*, TCA_BPF_MAX + 1> attributes{};
    if (nla_parse_nested(attributes.data(), TCA_BPF_MAX, options, nullptr) != 0) {
        return;
    }
    if (attributes[TCA_BPF_NAME] != nullptr) {
        filter.program_name = nla_get_string(attributes[TCA_BPF_NAME]);
    }
    if (attributes[TCA_BPF_ID] != nullptr) {
        filter.program_id = nla_get_u32(attributes[TCA_BPF_ID]);
    }
    if (attributes[TCA_BPF_FLAGS] != nullptr) {
        filter.is_direct_action = (nla_get_u32(attributes[TCA_BPF_FLAGS]) & TCA_BPF_FLAG_ACT_DIRECT) != 0;
    }
}

int take_filter(nl_msg* message, void* argument) {
    auto& filters = *static_cast<std::vector<TcFilter>*>(argument);
    nlmsghdr* header = nlmsg_hdr(message);
    std::array<nlattr*, TCA_MAX + 1> attributes{};
    if (header->nlmsg_type != RTM_NEWTFILTER ||
        nlmsg_parse(header, sizeof(tcmsg), attributes.data(), TCA_MAX, nullptr) != 0) {
        return NL_OK;
    }
    const auto* tcm = static_cast<const tcmsg*>(nlmsg_data(header));
    TcFilter filter;
    filter.priority = TC_H_MAJ(tcm->tcm_info) >> 16;
    filter.handle = tcm->tcm_handle;
    if (attributes[TCA_KIND] != nullptr) {
        filter.kind = nla_get_string(attributes[TCA_KIND]);
    }
    if (filter.kind == "bpf" && attributes[TCA_OPTIONS] != nullptr) {
        read_bpf_options(attributes[TCA_OPTIONS], filter);
    }
    // Each classifier instance is listed once by itself (handle 0) before its filters.
    if (filter.handle != 0) {
        filters.push_back(std::move(filter));
    }
    return NL_OK;
}

int dump_once(nl_sock* socket, const HookSpec& hook) {
    const Message message(nlmsg_alloc_simple(RTM_GETTFILTER, NLM_F_DUMP), nlmsg_free);
    tcmsg tcm{};
    tcm.tcm_family = AF_UNSPEC;
    tcm.tcm_ifindex = static_cast<int>(hook.ifindex);
    tcm.tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook.direction == Direction::ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    if (!message || nlmsg_append(message.get(), &tcm, sizeof(tcm), NLMSG_ALIGNTO) != 0) {
        return -NLE_NOMEM;
    }
    const int sent = nl_send_auto(socket, message.get());
    return sent < 0 ? sent : nl_recvmsgs_default(socket);
}

}  // namespace

Result<std::vector<TcFilter>> dump_filters(const HookSpec& hook) {
    const Socket socket(nl_socket_alloc(), nl_socket_free);
    if (!socket) {
        return netlink_error(hook, NLE_NOMEM);
    }
    if (const int result = nl_connect(socket.get(), NETLINK_ROUTE); result != 0) {
        return netlink_error(hook, result);
    }
    if (::setsockopt(nl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &k_answer_timeout, sizeof(k_answer_timeout)) != 0) {
        return os_error("set netlink answer time-out", errno);
    }
    std::vector<TcFilter> filters;
    nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, take_filter, &filters);
    int result = -NLE_DUMP_INTR;
    for (int attempt = 0; attempt < k_attempts && result == -NLE_DUMP_INTR; ++attempt) {
        filters.clear();
        result = dump_once(socket.get(), hook);
    }
    if (result == -NLE_OBJ_NOTFOUND || result == -NLE_NODEV) {
        return std::vector<TcFilter>{};
    }
    if (result < 0) {
        return netlink_error(hook, result);
    }
    return filters;
}

}  // namespace rudder
