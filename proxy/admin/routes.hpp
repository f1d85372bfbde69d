// What the admin side answers: one table of methods, paths, what each is for, and who answers. GET
// never changes anything; HEAD goes with it. Owned by the admin side; its thread.
#pragma once

#include "proxy/http/filter.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace admin {

struct AdminRoute {
  http::Method method;
  std::string_view path;  // exact, or with /* at its end: what lies below
  std::string_view doc;   // for people, one line; "" = it is not listed
  std::function<http::Task<http::Reply>(http::Request&)> answer;  // null = the page, or a list of the table
};

// What is not in it is 404, or 405 with what is allowed.
class Routes final : public http::Handler {
 public:
  explicit Routes(std::vector<AdminRoute> table) : table_(std::move(table)) {}
  http::Task<http::Reply> handle(http::Request& request) override;

 private:
  std::string index() const;

  std::vector<AdminRoute> table_;
};

// Only those who name this very host are answered, against web pages that have a name of theirs
// resolve to it (DNS rebinding); and what changes something is not done for a page of another site:
// a form can be sent from anywhere. Where a token is asked for, who bears it may use any name.
class SiteGuard final : public http::Filter {
 public:
  // ip: that the admin side is bound to; "" = a Unix socket, where any name will do. token: "" =
  // none is asked for; it may change, and outlives this.
  SiteGuard(std::string ip, const std::string& token) : ip_(std::move(ip)), token_(token) {}
  http::Task<http::Reply> handle(http::Request& request, http::Next next) override;

 private:
  bool is_known_host(std::string_view authority) const;

  std::string ip_;
  const std::string& token_;
};

constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// A whole answer, not to be kept by caches.
http::Response say(int status, std::string_view text, std::string_view type = plain_text);

}  // namespace admin
