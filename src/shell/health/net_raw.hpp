// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rudder {

/// Takes CAP_NET_RAW out of the effective set; what is permitted can be raised again for a moment.
void lower_net_raw();

/// CAP_NET_RAW is effective while this lives, if the process may have it.
class RaisedNetRaw {
public:
    RaisedNetRaw();
    ~RaisedNetRaw();
    RaisedNetRaw(const RaisedNetRaw&) = delete;
    RaisedNetRaw& operator=(const RaisedNetRaw&) = delete;

private:
    bool was_effective_ = false;
};

}  // namespace rudder
