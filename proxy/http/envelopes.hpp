// Messages in envelopes, as gRPC, gRPC-Web and Connect send them: a flag, four bytes of length, and
// so many bytes. Where among them the reader of a body is. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace http {

inline std::string envelope(char flag, std::string_view message) {
  std::string made(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8)
    made += static_cast<char>(message.size() >> shift & 0xff);
  return made.append(message);
}

class EnvelopePosition {
 public:
  void pass(std::string_view bytes) {
    while (!bytes.empty()) {
      if (header_ == header_size) {
        const std::size_t of_message = std::min<std::size_t>(left_, bytes.size());
        left_ -= static_cast<std::uint32_t>(of_message);
        bytes.remove_prefix(of_message);
      } else {
        if (header_ == 0)
          flags_ = static_cast<unsigned char>(bytes.front());
        else
          left_ = left_ << 8 | static_cast<unsigned char>(bytes.front());
        ++header_;
        bytes.remove_prefix(1);
      }
      if (header_ == header_size && left_ == 0) header_ = 0;
    }
  }
  bool is_between_messages() const { return header_ == 0; }
  unsigned flags() const { return flags_; }  // of the last envelope that began; 0 = of none

 private:
  static constexpr unsigned header_size = 5;

  unsigned flags_ = 0;
  unsigned header_ = 0;     // bytes of it that have passed
  std::uint32_t left_ = 0;  // of the message, once they all have
};

}  // namespace http
