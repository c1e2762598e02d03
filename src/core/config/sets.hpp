// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"
#include "core/base/net_types.hpp"
#include "core/config/list_file.hpp"
#include "core/config/reading.hpp"
#include "core/config/syntax.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The `[[set]]` tables of all files: known everywhere, whichever file defines them.
namespace rudder {

using PrefixList = std::vector<IpPrefix>;
using PortList = std::vector<PortRange>;

struct NamedSet {
    Location where;
    std::variant<std::monostate, PrefixList, PortList> content;  ///< normalised; none: it had errors
    bool is_used = false;
};

/// How many entries the lists of all rules may have together.
class EntryBudget {
public:
    explicit EntryBudget(std::size_t limit) : left_(limit) {}

    /// False if that many are too many; then nothing is left for others either. `span` is what asks for them.
    bool take(std::size_t count, const Reading& reading, const Span& span) {
        if (count > left_ && !is_exceeded_) where_exceeded_ = reading.at(span);
        if (count > left_) is_exceeded_ = true;
        if (!is_exceeded_) left_ -= count;
        return !is_exceeded_;
    }
    [[nodiscard]] bool is_exceeded() const { return is_exceeded_; }
    [[nodiscard]] const Location& where_exceeded() const { return where_exceeded_; }

private:
    std::size_t left_;
    bool is_exceeded_ = false;
    Location where_exceeded_;
};

class NamedSets {
public:
    /// A list that a set may name. Before the first read().
    void add_list(const SourceFile& file, bool is_text) { lists_.add(file, is_text); }

    /// Reads one `[[set]]` table.
    void read(const Reading& reading, const ConfigValue& value);

    /// A part of the configuration could not be read: a set that is not known may stand there.
    void mark_incomplete() { is_complete_ = false; }

    /// Appends the entries of the set `reference` ("@name") to the list and marks it used. False if it is unknown or
    /// holds the other kind of entries (reported), or had errors of its own, or exceeds the budget.
    bool append(const Reading& reading, const Span& span, std::string_view reference, EntryBudget& budget,
                PrefixList& list);
    bool append(const Reading& reading, const Span& span, std::string_view reference, EntryBudget& budget,
                PortList& list);

    void warn_unused(Warnings& warnings) const;

private:
    void read_contents(const Reading& reading, const ConfigTable& table, const Span& header, NamedSet& set);
    ListFile* take_file(const Reading& reading, const KeySpec& spec, const ConfigValue& value);
    void read_file(const Reading& reading, const ConfigValue& value, NamedSet& set);
    NamedSet* find(const Reading& reading, const Span& span, std::string_view reference);
    template <class List>
    bool append_list(const Reading& reading, const Span& span, std::string_view reference, EntryBudget& budget,
                     List& list);

    ListFiles lists_;
    std::map<std::string, NamedSet, std::less<>> sets_;
    bool is_complete_ = true;
};

}  // namespace rudder
