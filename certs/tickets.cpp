#include "certs/tickets.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>

namespace certs {
namespace {

TicketKeys& keys_of_process() {
  static TicketKeys keys;
  return keys;
}

bool set_mac(EVP_MAC_CTX* mac, TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

int seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  std::optional<TicketKey> key = keys_of_process().to_seal(std::chrono::steady_clock::now());
  if (!key) return 0;
  std::copy(key->name.begin(), key->name.end(), name);
  const EVP_CIPHER* kind = EVP_aes_256_cbc();
  const bool done = RAND_bytes(iv, EVP_CIPHER_get_iv_length(kind)) == 1 &&
                    EVP_EncryptInit_ex(cipher, kind, nullptr, key->cipher.data(), iv) == 1 &&
                    set_mac(mac, *key);
  OPENSSL_cleanse(&*key, sizeof *key);
  return done ? 1 : -1;
}

// 0: no such key, so a full handshake.
int open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) {
  std::optional<TicketKey> key = keys_of_process().to_open(name, std::chrono::steady_clock::now());
  if (!key) return 0;
  const bool done =
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 &&
      set_mac(mac, *key);
  OPENSSL_cleanse(&*key, sizeof *key);
  return done ? 1 : -1;
}

int on_ticket(SSL*, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int is_sealing) {
  return is_sealing ? seal(name, iv, cipher, mac) : open(name, iv, cipher, mac);
}

}  // namespace

void TicketKeys::advance(Time now) {
  if (current_ && now - made_ < life) return;
  const bool may_still_open = current_ && now - made_ < 2 * life;
  previous_ = may_still_open ? current_ : std::nullopt;
  current_.reset();
  TicketKey key;
  if (RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
      RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) != 1 ||
      RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) != 1)
    return;
  current_ = key;
  made_ = now;
}

std::optional<TicketKey> TicketKeys::to_seal(Time now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  return current_;
}

std::optional<TicketKey> TicketKeys::to_open(const unsigned char* name, Time now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  for (const auto* key : {&current_, &previous_})
    if (*key && std::equal((*key)->name.begin(), (*key)->name.end(), name)) return *key;
  return std::nullopt;
}

void share_ticket_keys(SSL_CTX* context) {
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

}  // namespace certs
