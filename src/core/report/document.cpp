// SPDX-License-Identifier: Apache-2.0
#include "core/report/document.hpp"

#include <limits>

namespace rudder {

bool Document::write(std::string& out, std::size_t bytes) {
    const std::size_t begin = out.size();
    while (part_ < parts_.size()) {
        if (out.size() - begin >= bytes) return true;
        const Part& part = parts_[part_];
        if (!has_text_) {
            out += part.text;
            has_text_ = true;
        } else if (item_ < part.count) {
            if (item_ != 0) out += ',';
            out += part.item(item_++);
        } else {
            ++part_;
            item_ = 0;
            has_text_ = false;
        }
    }
    return false;
}

std::string Document::text() {
    std::string all;
    (void)write(all, std::numeric_limits<std::size_t>::max());
    return all;
}

}  // namespace rudder
