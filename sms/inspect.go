package sms

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Inspection is what sending a text takes, for who writes it.
type Inspection struct {
	// Parts are the messages that the text leaves as, see [Split]; at least one.
	Parts []Part `json:"parts"`
	// Segments and Units are those of all parts together; Encoding is [UCS2] as soon as one part is.
	Size
	// Foreign are the characters that GSM-7 lacks, and that make a part UCS-2: each once, in the order in which they come,
	// the first 20 of them.
	Foreign []Foreign `json:"foreign,omitempty"`
}

// Part is one message of a text.
type Part struct {
	Text string `json:"text"`
	Size
}

// Foreign is a character that GSM-7 lacks.
type Foreign struct {
	Character string `json:"character"` // a whole grapheme cluster: an emoji with its modifiers, a letter with its accents
	Count     int    `json:"count"`     // how often it comes
	// Instead is what [Transliterate] would put in its place; empty where it has nothing, or nothing at all to put.
	Instead string `json:"instead,omitempty"`
}

// maxForeign is how many characters an [Inspection] names.
const maxForeign = 20

// Inspect returns what sending a text takes where the carrier takes max code points at once; max <= 0 means no limit. It costs
// about 0.3 µs a character, and allocates.
func Inspect(text string, max int) Inspection {
	out := Inspection{Size: Size{Encoding: GSM7}}
	for _, p := range Split(text, max) {
		size := Measure(p)
		out.Parts = append(out.Parts, Part{p, size})
		out.Segments, out.Units = out.Segments+size.Segments, out.Units+size.Units
		if size.Encoding == UCS2 {
			out.Encoding = UCS2
		}
	}
	out.Foreign = foreign(text)
	return out
}

func foreign(text string) (out []Foreign) {
	at := map[string]int{}
	for i := 0; i < len(text); { // what is GSM-7 is passed over without a look at graphemes
		r, size := utf8.DecodeRuneInString(text[i:])
		next, _ := utf8.DecodeRuneInString(text[i+size:])
		if septets(r) != 0 && (i+size == len(text) || next < 0x300) {
			i += size
			continue
		}
		cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(text[i:], -1)
		i += len(cluster)
		if _, ok := gsm7Length(cluster); ok {
			continue
		}
		n, seen := at[cluster]
		switch {
		case seen:
			out[n].Count++
		case len(out) < maxForeign:
			at[cluster] = len(out)
			f := Foreign{Character: cluster, Count: 1}
			if s, ok := replaceLookAlikes(cluster); ok {
				f.Instead = s
			}
			out = append(out, f)
		}
	}
	return out
}
