// SPDX-License-Identifier: Apache-2.0
#include "core/report/document.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace rudder;

namespace {

/// "head[0,1,...]middle[]end"; counts the items that were made.
Document two_lists(std::size_t count, std::size_t& made) {
    const auto item = [&made](std::size_t i) {
        ++made;
        return std::to_string(i);
    };
    return Document({{"head[", count, item}, {"]middle[", 0, item}, {"]end"}});
}

}  // namespace

TEST_CASE("a document is its parts one behind the other, with commas between the items of a list") {
    std::size_t made = 0;
    CHECK(two_lists(0, made).text() == "head[]middle[]end");
    CHECK(two_lists(1, made).text() == "head[0]middle[]end");
    CHECK(two_lists(3, made).text() == "head[0,1,2]middle[]end");
    CHECK(made == 4);
    CHECK(Document(std::string("all")).text() == "all");
    CHECK(Document(std::vector<Document::Part>{}).text().empty());
}

TEST_CASE("an item is made when a piece needs it, and once") {
    std::size_t made = 0;
    Document document = two_lists(100, made);
    std::string out;
    CHECK(document.write(out, 1));
    CHECK(out == "head[");
    CHECK(made == 0);
    CHECK(document.write(out, 3));
    CHECK(out == "head[0,1");
    CHECK(made == 2);
    CHECK_FALSE(document.write(out, 10'000));
    CHECK(made == 100);
    CHECK(out.ends_with(",98,99]middle[]end"));
    const std::string all = out;
    CHECK_FALSE(document.write(out, 10));
    CHECK(out == all);
}
