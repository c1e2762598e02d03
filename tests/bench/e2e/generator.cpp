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
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rudder::bench {

namespace {

constexpr std::size_t k_frame_bytes = 64;
constexpr std::size_t k_trace_bytes = E2E_TRACE_MAX * sizeof(e2e_header);
constexpr int k_patience = 5;  ///< milliseconds without a frame at the sink
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

/// Where the kernel tells how long ksoftirqd of this CPU has run: softirqs that the sender does not get to end there.
std::string find_ksoftirqd(int cpu) {
    const std::string wanted = "ksoftirqd/" + std::to_string(cpu);
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        std::string name;
        std::getline(std::ifstream(entry.path() / "comm"), name);
        if (name == wanted) return entry.path() / "schedstat";
    }
    return {};
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

Result<std::unique_ptr<Generator>> Generator::open(const Lab& lab, int cpu) {
    std::unique_ptr<Generator> self(new Generator);
    self->lab_ = lab;
    self->skeleton_ = e2e__open_and_load();
    if (!self->skeleton_) return Error{"load the benchmark's programs", errno};
    self->ksoftirqd_ = find_ksoftirqd(cpu);
    void* trace = mmap(nullptr, k_trace_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(self->skeleton_->maps.trace), 0);
    if (trace == MAP_FAILED) return Error{"map the trace", errno};
    self->trace_ = static_cast<e2e_header*>(trace);
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
    if (trace_) munmap(trace_, k_trace_bytes);
    e2e__destroy(skeleton_);
}

void Generator::set_trace(const std::vector<e2e_header>& headers) {
    const auto count = std::min<std::size_t>(headers.size(), E2E_TRACE_MAX);
    std::copy_n(headers.begin(), count, trace_);
    skeleton_->bss->trace_next = 0;
    skeleton_->data->trace_length = static_cast<std::uint32_t>(count);
}

Status Generator::set_targets(const std::vector<e2e_target>& targets) {
    for (std::uint32_t i = 0; i < targets.size(); ++i)
        if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.targets), &i, &targets[i], BPF_ANY) != 0)
            return Error{"fill the targets", errno};
    skeleton_->data->target_count = static_cast<std::uint32_t>(targets.size());
    return {};
}

double Generator::processor_ns() const {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    double softirq_ns = 0;
    if (!ksoftirqd_.empty()) std::ifstream(ksoftirqd_) >> softirq_ns;
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec) + softirq_ns;
}

Result<Burst> Generator::send(std::uint32_t frames, std::uint32_t batch, std::uint32_t copies) {
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
    const volatile __u64& sink_packets = skeleton_->bss->sink_packets;
    const std::uint64_t before = sink_packets;
    const std::uint64_t expected = before + std::uint64_t{frames} * copies;
    const double start = processor_ns();
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.e2e_generate), &options) != 0)
        return Error{"send live frames", errno};
    std::uint64_t seen = sink_packets;
    for (int waited = 0; seen < expected && waited < k_patience; ++waited) {
        usleep(1000);
        waited = sink_packets > seen ? 0 : waited;
        seen = sink_packets;
    }
    return Burst{frames, seen - before, processor_ns() - start};
}

int Generator::program(const char* name) const {
    return bpf_program__fd(bpf_object__find_program_by_name(skeleton_->obj, name));
}

}  // namespace rudder::bench
