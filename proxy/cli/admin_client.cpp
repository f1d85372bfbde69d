#include "proxy/cli/admin_client.hpp"

#include "config/load.hpp"
#include "config/token.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cli {
namespace {

constexpr int patience_ms = 60'000;  // an upgrade waits for its successor
constexpr std::size_t longest_answer = 64 * 1024 * 1024;
constexpr std::size_t any_length = SIZE_MAX;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void take(config::Token token, AdminPlace& into) {
  into.token = std::move(token.text);
  if (!token.problem.empty()) into.problem = std::move(token.problem);
}

// What the file OUTRIDER_CONFIG says.
void place_by_config(const std::string& file, bool wants_token, AdminPlace& place) {
  const config::Loaded loaded = config::load(file, filters::specs());
  if (!loaded.config) {
    place.problem = "OUTRIDER_CONFIG: " + loaded.mistakes.front().summary();
  } else if (!loaded.config->admin) {
    place.problem = "OUTRIDER_CONFIG: " + file + " has no `admin`: name one by --admin";
  } else {
    place.address = loaded.config->admin->bind;
    if (wants_token && !loaded.config->admin->token.empty())
      take(config::read_token(loaded.config->admin->token), place);
  }
}

std::string without_end_of_line(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

std::string system_words() {
  return std::strerror(errno);
}

}  // namespace

AdminPlace admin_place(const Call& call) {
  AdminPlace place;
  const std::string* token_file = call.find("--token");
  const std::string* given = call.find("--admin");
  const std::string file = variable("OUTRIDER_CONFIG");
  std::string word = variable("OUTRIDER_TOKEN");
  if (given) {
    std::string text = *given;
    if (text.starts_with("localhost:")) text.replace(0, 9, "127.0.0.1");
    if (const auto address = base::Address::parse(text))
      place.address = *address;
    else
      place.problem = "\"" + *given + "\" is not an address: write ip:port or unix:/path";
  } else if (!file.empty()) {
    place_by_config(file, token_file == nullptr && word.empty(), place);
  } else {
    place.address = *base::Address::parse("127.0.0.1:15000");
  }
  if (token_file) {
    take(config::read_token(*token_file), place);
  } else if (!word.empty()) {
    config::Token token = config::token_of(std::move(word));
    if (!token.problem.empty()) token.problem.insert(0, "OUTRIDER_TOKEN: ");
    take(std::move(token), place);
  }
  return place;
}

std::string AdminClient::connect() {
  socket_ = base::Descriptor(::socket(place_.address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const base::Address::Socket to = place_.address.socket();
  if (socket_.number() >= 0 && ::connect(socket_.number(), to.get(), to.size) == 0) return {};
  return "cannot reach the admin side at " + place_.address.to_string() + ": " + system_words() +
         " (is `admin` in the configuration? another place is named by --admin; while it drains "
         "there is none)";
}

AdminAnswer AdminClient::ask(std::string_view method, std::string_view path, const OnLine* line) {
  unread_.clear();
  problem_.clear();
  is_of_admin_ = false;
  is_endless_ = line != nullptr;
  if (std::string problem = connect(); !problem.empty()) return {0, std::move(problem)};
  std::string request(method);
  request.append(" ").append(path) += " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
  if (!place_.token.empty()) request += "authorization: Bearer " + place_.token + "\r\n";
  if (method != "GET") request += "x-outrider: 1\r\ncontent-length: 0\r\n";
  request += "\r\n";
  for (std::string_view rest = request; !rest.empty();) {
    const ssize_t sent = ::send(socket_.number(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return {0, "the admin side took no request: " + system_words()};
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  AdminAnswer answer = read_answer(line);
  if (answer.status == 0) answer.body = problem_.empty() ? "the answer is cut" : problem_;
  if (std::string why = why_not(path, answer); !why.empty()) return {0, std::move(why)};
  return answer;
}

// What the other side could not know to say; "" = it has said it.
std::string AdminClient::why_not(std::string_view path, const AdminAnswer& answer) const {
  const std::string place = "the admin side at " + place_.address.to_string();
  if (answer.status == 401 && place_.token.empty())
    return place + " asks for a token: name its file by --token, or set OUTRIDER_TOKEN";
  if (answer.status == 401)
    return place + " does not take this token: is it the one that `admin.token` names?";
  if (is_of_admin_ && answer.status == 404 && answer.body == "not found\n")
    return place + " has no " + std::string(path) +
           ": is it `admin.probes`, where there are /live, /ready and /metrics alone? --admin names "
           "the address of `admin.bind`";
  const bool is_ours = is_of_admin_ || answer.status == 0;
  return is_ours ? ""
                 : "what answers at " + place_.address.to_string() +
                       " is not the admin side (it answers " + std::to_string(answer.status) +
                       "): is it a listener? --admin names the address of `admin.bind`";
}

bool AdminClient::fill() {
  pollfd waiting{socket_.number(), POLLIN, 0};
  constexpr int while_nobody_wonders = 1'000;
  int ready = ::poll(&waiting, 1, is_endless_ ? -1 : while_nobody_wonders);
  if (ready == 0) {
    const bool is_seen = ::isatty(STDERR_FILENO) == 1;
    if (is_seen) std::fputs("waiting for the answer ...", stderr);
    ready = ::poll(&waiting, 1, patience_ms);
    if (is_seen) std::fputs("\r                          \r", stderr);
    if (ready == 0) problem_ = "no answer came";
  }
  if (ready <= 0) return false;
  char piece[16 * 1024];
  const ssize_t got = ::recv(socket_.number(), piece, sizeof piece, 0);
  if (got <= 0) {
    if (got < 0) problem_ = system_words();
    return false;
  }
  unread_.append(piece, static_cast<std::size_t>(got));
  return true;
}

bool AdminClient::take_line(std::string& line) {
  std::size_t end = 0;
  while ((end = unread_.find('\n')) == unread_.npos)
    if (unread_.size() > longest_answer || !fill()) return false;
  line = without_end_of_line(unread_.substr(0, end + 1));
  unread_.erase(0, end + 1);
  return true;
}

AdminAnswer AdminClient::read_answer(const OnLine* on_line) {
  std::string line;
  if (!take_line(line)) return {};
  if (!line.starts_with("HTTP/1.1 ") || line.size() < 12) {
    problem_ = "what answers at " + place_.address.to_string() +
               " is not the admin side: it does not speak HTTP/1.1";
    return {};
  }
  AdminAnswer answer;
  answer.status = std::atoi(line.c_str() + 9);
  bool is_chunked = false;
  std::size_t length = any_length;
  while (take_line(line) && !line.empty()) {
    const std::string field = base::lower_case(line);
    is_chunked = is_chunked || field.starts_with("transfer-encoding: chunked");
    is_of_admin_ = is_of_admin_ || field == "server: outrider-admin";
    if (field.starts_with("content-length: "))
      length = base::parse_decimal<std::size_t>(std::string_view(field).substr(16)).value_or(0);
  }
  answer.body = read_body(is_chunked, length, answer.is_well() ? on_line : nullptr);
  return answer;
}

std::string AdminClient::read_body(bool is_chunked, std::size_t length, const OnLine* on_line) {
  std::string body;
  std::string line;
  while (is_chunked && take_line(line)) {
    const std::size_t size = std::strtoul(line.c_str(), nullptr, 16);
    if (size == 0) return body;
    while (unread_.size() < size + 2)
      if (size > longest_answer || !fill()) return body;
    if (!give(std::string_view(unread_).substr(0, size), body, on_line)) return body;
    unread_.erase(0, size + 2);
  }
  while (!is_chunked && unread_.size() < length)
    if (unread_.size() > longest_answer || !fill()) break;
  if (!is_chunked) give(std::string_view(unread_).substr(0, length), body, on_line);
  return body;
}

// Collects, or shows what is whole lines of it.
bool AdminClient::give(std::string_view piece, std::string& body, const OnLine* on_line) {
  body.append(piece);
  if (!on_line) return true;
  for (std::size_t end = body.find('\n'); end != body.npos; end = body.find('\n')) {
    if (!(*on_line)(std::string_view(body).substr(0, end))) return false;
    body.erase(0, end + 1);
  }
  return true;
}

std::string escaped_for_query(std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (base::is_alpha(c) || base::is_digit(c) ||
        std::string_view("-_.~").find(c) != std::string_view::npos)
      out += c;
    else
      out.append("%").append({hex[byte >> 4], hex[byte & 15]});
  }
  return out;
}

}  // namespace cli
