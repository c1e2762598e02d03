// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rudder {

/// How programs are attached; `automatic`: tcx where the kernel has it.
enum class Attachment { automatic, tcx, cls_bpf };

}  // namespace rudder
