// The datagram socket of a syslog daemon: a message of RFC 5424 for each line (local7.info, MSGID
// `access`). Never waits; what is lost with its socket is told, and the socket connected again:
// at once, then once a second. The log's writer thread.
#pragma once

#include "proxy/base/descriptor.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"

#include <string>
#include <string_view>

namespace observe {

class Syslog {
 public:
  // host, service: who sends; what cannot stand there is left out.
  Syslog(std::string path, std::string_view host, std::string_view service);

  // The path of "syslog:/dev/log"; "" = the text names no such socket.
  static std::string_view path_in(std::string_view to);

  // Why nothing can be sent to it: now, or ever, as it is no such socket. "" = something can.
  struct Trouble {
    std::string why;
    bool is_for_good = false;
  };
  static Trouble trouble_with(const std::string& path);

  // True: it was sent. False: the daemon takes none for now. The error: it is lost.
  base::Result<bool> send(std::string_view line);
  // Until the daemon takes more, or it is told why not; or so long.
  void wait(base::Millis within) const;

 private:
  bool connect();

  const std::string path_;
  const std::string sender_;  // "HOST SERVICE PID access - "
  base::Descriptor socket_;
  int last_error_ = 0;
  base::Time next_try_ = base::Time::min();
};

}  // namespace observe
