// SPDX-License-Identifier: Apache-2.0
#include "generator.hpp"

// Generated: not ours to make clean.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "e2e.skel.h"
#pragma GCC diagnostic pop

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rudder::bench {

namespace {

constexpr std::size_t k_frame_bytes = 64;
constexpr std::uint32_t k_tcx_ingress = 46;  // BPF_TCX_INGRESS; newer than the headers this builds with

std::array<std::uint8_t, k_frame_bytes> template_frame(const Lab& lab) {
    std::array<std::uint8_t, k_frame_bytes> frame{};
    std::copy(lab.input.mac.bytes.begin(), lab.input.mac.bytes.end(), frame.begin());
    std::copy(lab.generator.mac.bytes.begin(), lab.generator.mac.bytes.end(), frame.begin() + 6);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[17] = k_frame_bytes - 14;
    frame[22] = 64;
    frame[39] = k_frame_bytes - 34;
    frame[40] = 0xbe;  // any UDP checksum but zero: zero would spare the receivers of this frame the work
    return frame;
}

Result<int> attach_link(int program_fd, std::uint32_t ifindex, std::uint32_t attach_type) {
    union bpf_attr attr;
    std::memset(&attr, 0, sizeof(attr));
    attr.link_create.prog_fd = static_cast<std::uint32_t>(program_fd);
    attr.link_create.target_ifindex = ifindex;
    attr.link_create.attach_type = attach_type;
    const auto fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
    if (fd < 0) return Error{"bpf link create", errno};
    return static_cast<int>(fd);
}

}  // namespace

e2e_header make_header(std::uint32_t src, std::uint32_t dst, std::uint16_t src_port, std::uint16_t dst_port,
                       std::uint8_t protocol) {
    std::uint32_t sum = 0x4500 + std::uint32_t{k_frame_bytes - 14} + ((64u << 8) | protocol) + (src >> 16) + (src & 0xffff) +
                        (dst >> 16) + (dst & 0xffff);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return {htonl(src), htonl(dst), htons(src_port), htons(dst_port), htons(static_cast<std::uint16_t>(~sum)), protocol, 0};
}

Result<int> attach_tcx_ingress(int program_fd, std::uint32_t ifindex) {
    return attach_link(program_fd, ifindex, k_tcx_ingress);
}

Result<std::unique_ptr<Generator>> Generator::open(const Lab& lab) {
    std::unique_ptr<Generator> self(new Generator);
    self->lab_ = lab;
    self->skeleton_ = e2e__open_and_load();
    if (!self->skeleton_) return Error{"load the benchmark's programs", errno};
    // A veth takes redirected XDP frames only while its peer runs a program of its own.
    for (auto [program, device] : {std::pair{self->skeleton_->progs.e2e_pass, &lab.input},
                                   {self->skeleton_->progs.e2e_pass, &lab.generator},
                                   {self->skeleton_->progs.e2e_sink, &lab.sink}}) {
        auto link = attach_link(bpf_program__fd(program), device->ifindex, BPF_XDP);
        if (!link) return link.error().within("attach xdp on " + device->name);
        self->xdp_links_.push_back(*link);
    }
    const auto frame = template_frame(lab);
    std::copy_n(frame.begin(), sizeof(self->skeleton_->bss->generator_macs), self->skeleton_->bss->generator_macs);
    return self;
}

Generator::~Generator() {
    for (int fd : xdp_links_) close(fd);
    e2e__destroy(skeleton_);
}

Status Generator::set_trace(const std::vector<e2e_header>& headers) {
    for (std::uint32_t i = 0; i < headers.size(); ++i)
        if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.trace), &i, &headers[i], BPF_ANY) != 0)
            return Error{"fill the trace", errno};
    skeleton_->bss->trace_next = 0;
    skeleton_->data->trace_length = static_cast<std::uint32_t>(headers.size());
    return {};
}

Status Generator::set_targets(const std::vector<e2e_target>& targets) {
    for (std::uint32_t i = 0; i < targets.size(); ++i)
        if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.targets), &i, &targets[i], BPF_ANY) != 0)
            return Error{"fill the targets", errno};
    skeleton_->data->target_count = static_cast<std::uint32_t>(targets.size());
    return {};
}

Result<Burst> Generator::send(std::uint32_t frames, std::uint32_t batch) {
    auto frame = template_frame(lab_);
    xdp_md context{};
    context.data_end = k_frame_bytes;
    context.ingress_ifindex = lab_.generator.ifindex;
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = k_frame_bytes;
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    options.repeat = static_cast<int>(frames);
    options.batch_size = batch;
    const auto before = skeleton_->bss->sink_packets;
    const auto start = std::chrono::steady_clock::now();
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.e2e_generate), &options) != 0)
        return Error{"send live frames", errno};
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return Burst{frames, skeleton_->bss->sink_packets - before, elapsed.count()};
}

int Generator::program(const char* name) const {
    return bpf_program__fd(bpf_object__find_program_by_name(skeleton_->obj, name));
}

}  // namespace rudder::bench
