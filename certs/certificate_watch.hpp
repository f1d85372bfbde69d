// Notices that certificate files have changed and reads them again. A pair that does not fit
// together is not taken: the old one stays. Looking blocks (files on whatever disk), so it is a job
// for an executor; all else is its owner's: control, its thread.
#pragma once

#include "certs/store.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace certs {

class CertificateWatch {
 public:
  using Load = std::function<certs::LoadedContext()>;
  using Take = std::function<void(std::shared_ptr<const certs::TlsContext>)>;
  using Say = std::function<void(const std::string&)>;

  // `what` is for the log: "listener ingress". `load` runs in whatever thread looks, and may
  // outlive its configuration.
  // `now` is what is in use: what has changed since its files were read is loaded at the next look.
  void add(std::string what, std::vector<std::string> files, Load load, Take take,
           std::shared_ptr<const certs::TlsContext> now = nullptr);
  bool is_empty() const { return entries_.empty(); }
  // What is watched, and when the certificate that is shown there expires (seconds since 1970);
  // without those that show none.
  std::vector<std::pair<std::string, std::int64_t>> expiries() const;

  // In words, those that are shown and soon expire, or have. now: seconds since 1970.
  std::vector<std::string> remarks(std::int64_t now) const;

  struct Entry;
  struct Change {
    std::shared_ptr<const Entry> of;
    certs::LoadedContext loaded;
  };
  // The job: looks at all files that are watched now, and loads what has changed. Any thread, one
  // job at a time.
  std::function<std::vector<Change>()> look() const;
  // Takes what a look found, unless it is not watched any more; says what happened.
  void take(const std::vector<Change>& changes, const Say& info, const Say& warning);

 private:
  std::vector<std::shared_ptr<Entry>> entries_;
};

}  // namespace certs
