// What a client of a WebSocket was sent, so that its exchange can end it by a frame of its own. Owned
// by the exchange; the worker's thread.
#pragma once

#include "proxy/http/body.hpp"
#include "proxy/http/websocket_frames.hpp"

namespace server {

class FramesToClient {
 public:
  // The same body, looked at as it is read to be sent. Not to outlive this.
  http::Body follow(http::Body body);
  // More is waited for, so that all before was taken, and what was sent ended with a frame.
  bool may_add_frame() const { return is_waiting_ && sent_.may_add_frame(); }

 private:
  class Followed;

  http::WebsocketFrames sent_;
  bool is_waiting_ = false;
};

}  // namespace server
