// Notices that certificate files have changed and reads them again. A pair that does not fit
// together is not taken: the old one stays. Owned by control; its thread.
#pragma once

#include "certs/store.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace certs {

class CertificateWatch {
 public:
  using Load = std::function<certs::Loaded()>;
  using Take = std::function<void(std::shared_ptr<const certs::Context>)>;
  using Say = std::function<void(const std::string&)>;

  // `what` is for the log: "listener ingress".
  void add(std::string what, std::vector<std::string> files, Load load, Take take);
  // Looks at all files; loads and takes what has changed; says what happened.
  void check(const Say& info, const Say& warning);

 private:
  struct Entry {
    std::string what;
    std::vector<std::string> files;
    Load load;
    Take take;
    std::string state;  // of the files, as last seen
  };
  static std::string state_of(const std::vector<std::string>& files);

  std::vector<Entry> entries_;
};

}  // namespace certs
