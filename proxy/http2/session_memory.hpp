// The memory of nghttp2's sessions. Each has a buffer of 16 KiB for the frame that goes out, of
// which an idle connection has written only the beginning: such buffers lie in pages of their own,
// so that what others have used and freed is not held by them. Any thread; asked when connections
// come and go.
#pragma once

#include <nghttp2/nghttp2.h>

namespace http2 {

nghttp2_mem* session_memory();

}  // namespace http2
