// SPDX-License-Identifier: Apache-2.0
#include "core/report/report_json.hpp"

#include <nlohmann/json.hpp>

namespace rudder {
namespace {

Json files_json(const std::vector<ReportFile>& files) {
    Json out = Json::array();
    for (const ReportFile& file : files) {
        out.push_back({{"path", file.path}, {"sha256", file.sha256}, {"bytes", file.bytes}});
    }
    return out;
}

Json last_load_json(const Snapshot& snapshot) {
    Json out;
    out["accepted"] = snapshot.last_load_accepted;
    out["unix_us"] = snapshot.last_load_unix_us;
    out["errors"] = snapshot.last_diagnostics.error_count();
    out["warnings"] = snapshot.last_diagnostics.warning_count();
    out["diagnostics"] = diagnostics_json(snapshot.last_diagnostics);
    return out;
}

}  // namespace

Document report_config(const SharedSnapshot& shared) {
    const Snapshot& snapshot = *shared;
    Json document = report_head(snapshot);
    document["sha256"] = snapshot.policy->sha256;
    document["rules"] = snapshot.policy->rules.size();
    document["published_unix_us"] = snapshot.published_unix_us;
    document["loads_accepted"] = snapshot.loads_accepted;
    document["loads_rejected"] = snapshot.loads_rejected;
    document["directories"] = snapshot.directories;
    document["files"] = files_json(snapshot.files);
    document["last_load"] = last_load_json(snapshot);
    return Document(json_to_text(document));
}

}  // namespace rudder
