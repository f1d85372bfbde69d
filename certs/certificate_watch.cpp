#include "certs/certificate_watch.hpp"

#include <sys/stat.h>

namespace certs {

std::string CertificateWatch::state_of(const std::vector<std::string>& files) {
  std::string state;
  for (const std::string& file : files) {
    struct stat status {};
    if (file.empty() || ::stat(file.c_str(), &status) != 0) {
      state += "-;";
      continue;
    }
    for (const auto number :
         {static_cast<long long>(status.st_mtim.tv_sec),
          static_cast<long long>(status.st_mtim.tv_nsec), static_cast<long long>(status.st_size),
          static_cast<long long>(status.st_ino)})
      state.append(std::to_string(number)).append(",");
    state += ';';
  }
  return state;
}

void CertificateWatch::add(std::string what, std::vector<std::string> files, Load load, Take take) {
  std::string state = state_of(files);
  entries_.push_back(
      {std::move(what), std::move(files), std::move(load), std::move(take), std::move(state)});
}

void CertificateWatch::check(const Say& info, const Say& warning) {
  for (Entry& entry : entries_) {
    std::string state = state_of(entry.files);
    if (state == entry.state) continue;
    entry.state = std::move(state);
    const certs::Loaded loaded = entry.load();
    if (loaded.context) {
      entry.take(loaded.context);
      info(entry.what + ": certificates read again");
      if (!loaded.context->remark.empty()) warning(entry.what + ": " + loaded.context->remark);
    } else {
      warning(entry.what +
              ": certificates changed but cannot be used, the old ones stay: " + loaded.problem);
    }
  }
}

}  // namespace certs
