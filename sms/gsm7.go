package sms

import "unicode/utf8"

// The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1 and 6.2.1.1), without the escape
// character itself and without national shift tables: no carrier API lets a sender choose those.
const (
	gsm7Basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
)

const euroSign = '€' // the one GSM-7 character beyond the table below

// septetTable holds the septets of each character below U+0400: 1, 2 behind an escape, 0 when GSM-7 lacks it.
var septetTable = func() (t [0x400]uint8) {
	for _, r := range gsm7Basic {
		t[r] = 1
	}
	for _, r := range gsm7Extension {
		if r != euroSign {
			t[r] = 2
		}
	}
	return t
}()

// asciiSeptets is septetTable for single bytes, with notPlain for those that GSM-7 lacks or that are only a part of a
// character.
var asciiSeptets = func() (t [256]uint8) {
	for c := range t {
		t[c] = notPlain
		if c < utf8.RuneSelf && septetTable[c] != 0 {
			t[c] = septetTable[c]
		}
	}
	return t
}()

const notPlain = 0x80

// septets returns how many GSM-7 septets a character takes, 0 when GSM-7 lacks it.
func septets(r rune) int {
	if uint32(r) < uint32(len(septetTable)) {
		return int(septetTable[r])
	}
	if r == euroSign {
		return 2
	}
	return 0
}
