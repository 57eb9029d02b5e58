package sms

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Transliterate replaces characters that GSM-7 lacks by ones that look alike, where that brings the whole text into
// GSM-7: curly quotes, dashes, wide and no-break spaces, the ellipsis, bullets, full-width and small-capital letters, a
// letter with its accent apart ("e" and U+0301 become é). A text that can't become GSM-7, or that would take more
// segments than before, comes back as it is, so that the result never costs more and no character is lost for nothing.
// Accents are never stripped: ç, á and ê keep their text in UCS-2. It is idempotent.
//
// The replacements are those of Twilio's published emulation of its Smart Encoding, but for these: wide spaces become
// one space and not two, tab one and not seven; line and paragraph separators become a line feed and not a space; ‹ and
// › become an apostrophe, as « and » become a quote; combining marks without a GSM-7 letter and control characters
// stay; a fraction after a digit gets a space before it ("1½" is "1 1/2" and not "11/2"). Added are the minus sign,
// non-breaking hyphen, figure dash, prime marks, further bullets, ×, ⅓, ⅔, ⁇, ⁈, ⁉, ‥, the ohm, kelvin and ångström
// signs, soft hyphen, joiners and direction marks.
//
// It doesn't allocate for a text that is GSM-7 already, and stops at the first character without a look-alike.
func Transliterate(text string) string {
	if _, ok := gsm7Length(text); ok {
		return text
	}
	t, ok := replaceLookAlikes(text)
	if !ok || Measure(t).Segments > Measure(text).Segments {
		return text
	}
	return t
}

func replaceLookAlikes(text string) (string, bool) {
	table := lookAlikes()
	var b strings.Builder
	b.Grow(len(text))
	var last byte // of what is written
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		next, nextSize := utf8.DecodeRuneInString(text[i+size:])
		s, ok := composed[[2]rune{r, next}]
		switch {
		case ok:
			size += nextSize
		case septets(r) != 0:
			s = text[i : i+size]
		default:
			if s, ok = table[r]; !ok { // an ill-formed byte too: it reads as U+FFFD
				return "", false
			}
			if fraction := len(s) == 3 && s[1] == '/'; fraction && last >= '0' && last <= '9' {
				b.WriteByte(' ')
			}
		}
		i += size
		b.WriteString(s)
		if s != "" {
			last = s[len(s)-1]
		}
	}
	return b.String(), true
}

// replacements lists what stands for one character or several: the look-alikes of each in one row.
var replacements = [...]struct{ to, from string }{
	{`"`, "«»“”„‟″ʺˮ❝❞〝〞〟"},
	{"'", "‘’‛′‹›ʹʻʼʽˈˊˋ´`❛❜︐︑"},
	{"-", "‐‑‒–\u2014―−⁃⎼⎽﹘﹣•‣◦∙●▪"},
	{",", "‚、﹐﹑､"},
	{".", "。﹒｡"},
	{":", "ː˸⦂꞉︓"},
	{";", "⁏︔﹔"},
	{"!", "ǃ︕﹗"},
	{"?", "︖﹖"},
	{"/", "÷⁄∕⧸"},
	{`\`, "⧵⧹﹨"},
	{"|", "∣⎸⎹⏐⎜⎟"},
	{"_", "‗"},
	{"~", "˜˷∼"},
	{"^", "ˆ"},
	{"*", "⁎∗⊛✢✣✤✥✱✲✳✺✻✼✽❃❉❊❋⧆﹡"},
	{"+", "˖﹢"},
	{"=", "꞊﹦"},
	{"<", "﹤"},
	{">", "﹥"},
	{"(", "❨❪⟮⦅﹙"},
	{")", "❩❫⟯⦆﹚"},
	{"{", "❴﹛"},
	{"}", "❵﹜"},
	{"@", "﹫"},
	{"$", "﹩"},
	{"#", "﹟"},
	{"%", "﹪"},
	{"&", "﹠"},
	{"x", "×"},
	{"...", "…"},
	{"..", "‥"},
	{"!!", "‼"},
	{"??", "⁇"},
	{"?!", "⁈"},
	{"!?", "⁉"},
	{"1/4", "¼"},
	{"1/2", "½"},
	{"3/4", "¾"},
	{"1/3", "⅓"},
	{"2/3", "⅔"},
	{"Ω", "\u2126"},
	{"K", "\u212a"},
	{"Å", "\u212b"},
	{" ", "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"},
	{"\n", "\u2028\u2029"},
	{"", "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"},
}

// Letters of small capitals, in the order of the letters that they look like.
const (
	smallCapitals   = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"
	smallCapitalsTo = "ABCDEFGHIJKLMNOPRSTUVWYZ"
)

// lookAlikes is the table by character, built at first use.
var lookAlikes = sync.OnceValue(func() map[rune]string {
	t := make(map[rune]string, 320)
	for _, row := range replacements {
		for _, r := range row.from {
			t[r] = row.to
		}
	}
	for i, r := range []rune(smallCapitals) {
		t[r] = smallCapitalsTo[i : i+1]
	}
	for r := rune('！'); r <= '～'; r++ { // full width: the printable ASCII characters, at a fixed distance
		if c := r - '！' + '!'; septets(c) != 0 {
			t[r] = string(c)
		}
	}
	t['｀'] = "'"
	return t
})

// composed holds the letters of GSM-7 that Unicode can also write as a base letter and a combining mark; some phones
// and file systems do.
var composed = map[[2]rune]string{
	{'a', '\u0300'}: "à", {'e', '\u0300'}: "è", {'i', '\u0300'}: "ì", {'o', '\u0300'}: "ò", {'u', '\u0300'}: "ù",
	{'e', '\u0301'}: "é", {'E', '\u0301'}: "É", {'C', '\u0327'}: "Ç", {'n', '\u0303'}: "ñ", {'N', '\u0303'}: "Ñ",
	{'a', '\u0308'}: "ä", {'A', '\u0308'}: "Ä", {'o', '\u0308'}: "ö", {'O', '\u0308'}: "Ö", {'u', '\u0308'}: "ü",
	{'U', '\u0308'}: "Ü", {'a', '\u030a'}: "å", {'A', '\u030a'}: "Å",
}
