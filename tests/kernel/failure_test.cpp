// SPDX-License-Identifier: Apache-2.0
#include "bpf_call_seam.hpp"
#include "network.hpp"
#include "small_policy.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <vector>

namespace rudder::test {
namespace {

/// One try of a step with its bpf() call n failing. Returns false when the step has fewer calls than n.
template <class Step>
bool fails_at(int n, int error, Step step) {
    fail_bpf_call(n, error);
    step();
    const bool is_reached = bpf_calls() >= n;
    fail_bpf_call(0, 0);
    return is_reached;
}

}  // namespace

TEST_CASE("failing bpf() call N of a change of policy and tier leaves the old or gives the new generation") {
    for (const Attachment mechanism : {Attachment::automatic, Attachment::cls_bpf}) {
        const VethPair veth;
        const std::vector<std::uint32_t> few{veth.left_index()};
        const std::vector<std::uint32_t> all{veth.left_index(), veth.right_index()};
        Daemon daemon(mechanism);
        REQUIRE(daemon.reconcile("a", few, 0).status);
        REQUIRE(daemon.reconcile("a", all, 1).status);
        REQUIRE(daemon.reconcile("a", few, 0).status);
        const std::size_t descriptors = open_descriptors();
        int tried = 0;
        int failed = 0;
        // Each try loads two classifiers: the second error, which libbpf takes for a missing feature, only once.
        const bool is_first = mechanism == Attachment::automatic;
        for (const int error : is_first ? std::vector<int>{ENOMEM, EINVAL} : std::vector<int>{ENOMEM}) {
            bool is_reached = true;
            for (int n = 1; is_reached; ++n, ++tried) {
                const std::uint64_t generation = daemon.applied.generation;
                const std::uint64_t counted = daemon.counted("a");
                ApplyOutcome outcome;
                is_reached = fails_at(n, error, [&] { outcome = daemon.reconcile("a", all, 1); });
                INFO("call " << n << " error " << error << (outcome.status ? "" : ": " + outcome.status.error().message));
                REQUIRE(daemon.kernel->active_generation().value() == (outcome.status ? generation + 1 : generation));
                REQUIRE(daemon.attached().size() == (outcome.status ? all.size() : few.size()));
                REQUIRE(daemon.counted("a") == counted);
                veth.send(1);
                REQUIRE(daemon.counted("a") == counted + 1);
                failed += outcome.status ? 0 : 1;
                REQUIRE(daemon.reconcile("a", few, 0).status);
                REQUIRE(daemon.counted("a") == counted + 1);
                REQUIRE(open_descriptors() == descriptors);
            }
        }
        WARN(tried << " injected errors, " << failed << " refused the policy, none changed anything");
    }
}

// libbpf remembers for the life of a process what the kernel can do, so each try has a process of its own.
TEST_CASE("failing bpf() call N of start either fails cleanly or gives a working port") {
    const VethPair veth;
    int refused = 0;
    int n = 1;
    for (;; ++n) {
        const int result = in_child([&] {
            const std::size_t descriptors = open_descriptors();
            Result<std::unique_ptr<BpfKernel>> kernel = Error{};
            if (!fails_at(n, ENOMEM, [&] { kernel = BpfKernel::open({}); })) {
                return 77;
            }
            if (kernel) {
                return (*kernel)->active_generation().is_ok() ? 0 : 1;
            }
            return open_descriptors() == descriptors && !kernel.error().message.empty() ? 2 : 3;
        });
        if (result == 77) {
            break;
        }
        INFO("call " << n);
        REQUIRE((result == 0 || result == 2));
        refused += result == 2 ? 1 : 0;
    }
    CHECK(refused > 0);
    WARN(n - 1 << " bpf() calls at start, failing each refused start " << refused << " times");
}

TEST_CASE("a hook that a failed first policy could not be taken from meets the next one, of its own size and of another") {
    for (const std::size_t tier : {0U, 1U}) {
        INFO("tier " << tier);
        const VethPair veth;
        Daemon daemon(Attachment::cls_bpf);
        fail_send(4, ENOMEM);  // the fourth message takes the filter away again
        const ApplyOutcome failed = daemon.reconcile("a", {veth.left_index(), 9999});
        fail_send(0, 0);
        REQUIRE_FALSE(failed.status);
        REQUIRE(failed.warnings.size() == 1);
        REQUIRE(daemon.attached().size() == 1);
        REQUIRE(daemon.reconcile("a", {veth.left_index()}, tier).status);
        veth.send(3);
        CHECK(daemon.counted("a") == 3);
    }
}

}  // namespace rudder::test
