/* Check digits: the arithmetic by which a number tells whether it was written down rightly. Each
 * takes a number without separators, letters in upper case. */
#pragma once

#include "base/view.h"

bool check_luhn(struct view digits);
bool check_verhoeff(struct view digits);
/* ISO 7064: mod 97-10 over letters and digits (IBAN with its head moved behind), mod 11-10. */
bool check_iban(struct view iban);
bool check_mod_11_10(struct view digits);
bool check_vin(struct view vin);
/* Wallets: a Base58 address with its double SHA-256 sum; a Bech32 or Bech32m address. */
bool check_base58(struct view address);
bool check_bech32(struct view address);
/* A card: an issuer's prefix, the right length, Luhn. */
bool check_card(struct view digits);
