// SPDX-License-Identifier: Apache-2.0
#include "stat/options.hpp"
#include "stat/run.hpp"

#include <clocale>
#include <variant>

int main(int argc, char** argv) {
    // Widths of characters follow the user's locale; numbers never do.
    std::setlocale(LC_CTYPE, "");
    const auto options = rudder::stat::parse_options(argc, argv);
    if (const int* code = std::get_if<int>(&options)) return *code;
    return rudder::stat::run(std::get<rudder::stat::Options>(options));
}
