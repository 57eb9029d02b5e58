package smstest

import (
	"strings"
	"unicode/utf16"
)

// gsm7 is the default alphabet of 3GPP TS 23.038 without the escape; gsm7Extension takes two septets each.
const (
	gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
)

// segments counts as carriers do, without their care for pairs at the seams. It is the fake's own, so that a fault in
// ours is seen.
func segments(text string) int {
	septets := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsm7, r):
			septets++
		case strings.ContainsRune(gsm7Extension, r):
			septets += 2
		default:
			return parts(len(utf16.Encode([]rune(text))), 70, 67)
		}
	}
	return parts(septets, 160, 153)
}

func parts(units, single, each int) int {
	if units <= single {
		return 1
	}
	return (units + each - 1) / each
}
