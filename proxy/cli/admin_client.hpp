// Asks the admin side of a running Outrider. Blocking, one request at a time; one thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"
#include "proxy/cli/command.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace cli {

// Where the admin side is, and what it wants to see.
struct AdminPlace {
  base::Address address;
  std::string token;    // "" = none
  std::string problem;  // why there is no such place; "" = there is
};

// By `--admin` and `--token`, else by OUTRIDER_CONFIG and OUTRIDER_TOKEN, else 127.0.0.1:15000.
AdminPlace admin_place(const Call& call);

struct AdminAnswer {
  int status = 0;    // 0 = there was none
  std::string body;  // or why there was none
  bool is_well() const { return status >= 200 && status < 300; }
};

class AdminClient {
 public:
  explicit AdminClient(AdminPlace place) : place_(std::move(place)) {}

  // Says on a terminal what it waits for, if that takes over a second.
  AdminAnswer get(std::string_view path) { return ask("GET", path, nullptr); }
  AdminAnswer post(std::string_view path) { return ask("POST", path, nullptr); }
  // Shows each line as it comes, until `line` returns false or the other side ends.
  AdminAnswer follow(std::string_view path, const std::function<bool(std::string_view)>& line) {
    return ask("GET", path, &line);
  }

 private:
  using OnLine = std::function<bool(std::string_view)>;
  AdminAnswer ask(std::string_view method, std::string_view path, const OnLine* line);
  std::string connect();
  std::string why_not(std::string_view path, const AdminAnswer& answer) const;
  bool fill();  // more of the answer; false = there is no more, or problem_ says why
  bool take_line(std::string& line);
  AdminAnswer read_answer(const OnLine* line);
  std::string read_body(bool is_chunked, std::size_t length, const OnLine* line);
  bool give(std::string_view piece, std::string& body, const OnLine* line);

  const AdminPlace place_;
  base::Descriptor socket_;
  std::string unread_;
  std::string problem_;
  bool is_endless_ = false;
  bool is_of_admin_ = false;  // what has answered
};

// For the query of a path.
std::string escaped_for_query(std::string_view text);

}  // namespace cli
