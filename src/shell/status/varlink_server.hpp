// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "shell/os/event_loop.hpp"
#include "shell/os/unique_fd.hpp"
#include "shell/status/varlink_message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <sys/types.h>

namespace rudder {

struct VarlinkLimits {
    std::size_t clients = 64;
    std::size_t request_bytes = 64u << 10;
    /// For a request to be completed after its first byte, and for an answer to make progress.
    std::chrono::milliseconds patience{1000};
    /// For a whole answer to be taken: it keeps what it is made from.
    std::chrono::milliseconds longest_answer{60'000};
    /// What else the loop has to do goes before clients.
    bool lets_others_first = false;
};

/// A Varlink service on a Unix socket: non-blocking, on the daemon's loop. Clients are not trusted: whoever sends
/// something else than calls, too much, or too slowly is disconnected; nobody holds up the others.
class VarlinkServer {
public:
    /// Answers one call of the interface (org.varlink.service is answered by the server), at most one of each client in a turn of the loop.
    /// What it makes in pieces is asked for one at a time, when the client has taken the one before and others have had their turn.
    using Handler = std::function<varlink::Answer(const varlink::Call&)>;

    /// Replaces a stale socket at `path`; `mode` is its mode. *Errors*: bind, listen (errno).
    static Result<std::unique_ptr<VarlinkServer>> open(sd_event* loop, const std::string& path, mode_t mode,
                                                       varlink::Interface interface, Handler handler, VarlinkLimits limits = {});
    ~VarlinkServer();

    [[nodiscard]] std::size_t client_count() const { return clients_.size(); }

private:
    struct Client;
    using Clients = std::list<std::unique_ptr<Client>>;

    VarlinkServer(sd_event* loop, std::string path, varlink::Interface interface, Handler handler, VarlinkLimits limits);
    Status listen(mode_t mode);
    void accept_clients();
    void add_client(UniqueFd fd);
    bool make_room();
    void serve(Client& client, std::uint32_t events);
    bool receive(Client& client);
    bool answer(Client& client);
    bool answer_call(Client& client);
    bool send(Client& client);
    void wait_for_more(Client& client);
    void time_out(Client& client);
    void drop(Client& client);

    sd_event* loop_;
    std::string path_;
    std::vector<varlink::Interface> interfaces_;
    Handler handler_;
    VarlinkLimits limits_;
    UniqueFd listener_;
    std::unique_ptr<IoWatch> io_;
    Clients clients_;
};

}  // namespace rudder
