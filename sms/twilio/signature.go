package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"iter"
	"net/url"
	"slices"
	"strings"
)

// signatureLen is the length of a base64 SHA-1.
const signatureLen = 28

// Signature returns what Twilio puts into X-Twilio-Signature for a form posted to url: the base64 of an HMAC-SHA1
// with the primary auth token over the URL followed by each key and value, keys in byte order, the values of one key
// unique and sorted, nothing in between (twilio.com/docs/usage/webhooks/webhooks-security). The fragment and the
// user of the URL are dropped first, as Twilio does; everything else counts byte for byte. For a JSON body form is
// nil. It returns "" for an empty token, which is no key.
func Signature(token, url string, form url.Values) string {
	if token == "" {
		return ""
	}
	mac := sign(token, withoutUser(withoutFragment(url)), flatten(form))
	return string(mac[:])
}

// ValidSignature reports whether signature is Twilio's for a form posted to url. It compares in constant time. As
// Twilio's SDKs do, it also tries the URL with its port left out or the scheme's own added, with its user kept, and
// with apostrophes in the query written %27: Twilio isn't consistent in these. All other bytes of the URL count. It
// is false for an empty token. It takes some 4 µs for a usual form.
func ValidSignature(token, url string, form url.Values, signature string) bool {
	return valid([]string{token}, url, flatten(form), signature)
}

// ValidBodySignature is [ValidSignature] for a body other than a form: the URL carries the parameter bodySHA256, the
// lower-case hex SHA-256 of the body, and the signature covers the URL alone. It is false without that parameter.
func ValidBodySignature(token, url string, body []byte, signature string) bool {
	return validBody([]string{token}, url, body, signature)
}

func validBody(tokens []string, rawURL string, body []byte, signature string) bool {
	told, ok := bodyHash(rawURL)
	if !ok {
		return false
	}
	sum := sha256.Sum256(body)
	same := subtle.ConstantTimeCompare([]byte(told), hex.AppendEncode(nil, sum[:])) == 1
	return valid(tokens, rawURL, nil, signature) && same
}

// bodyHash returns the one bodySHA256 of a URL. Two of them are none: a proxy could have added the second.
func bodyHash(rawURL string) (string, bool) {
	_, query, _ := strings.Cut(withoutFragment(rawURL), "?")
	q, err := url.ParseQuery(query)
	if err != nil || len(q["bodySHA256"]) != 1 {
		return "", false
	}
	return q["bodySHA256"][0], true
}

func valid(tokens []string, rawURL string, params []byte, signature string) bool {
	if len(signature) != signatureLen {
		return false
	}
	for _, token := range tokens {
		if token == "" {
			continue // anyone can sign with the empty key
		}
		for u := range urlForms(rawURL) {
			// The encoded forms are compared: base64 has spare bits in its last character.
			if mac := sign(token, u, params); subtle.ConstantTimeCompare(mac[:], []byte(signature)) == 1 {
				return true
			}
		}
	}
	return false
}

func sign(token, rawURL string, params []byte) [signatureLen]byte {
	h := hmac.New(sha1.New, []byte(token))
	h.Write([]byte(rawURL))
	h.Write(params)
	var sum [sha1.Size]byte
	var out [signatureLen]byte
	base64.StdEncoding.Encode(out[:], h.Sum(sum[:0]))
	return out
}

// flatten writes the form as Twilio signs it.
func flatten(form url.Values) []byte {
	n := 0
	keys := make([]string, 0, len(form))
	for k, vs := range form {
		keys = append(keys, k)
		for _, v := range vs {
			n += len(k) + len(v)
		}
	}
	out := make([]byte, 0, n)
	slices.Sort(keys)
	for _, k := range keys {
		vs := form[k]
		if len(vs) > 1 {
			vs = slices.Compact(slices.Sorted(slices.Values(vs)))
		}
		for _, v := range vs {
			out = append(append(out, k...), v...)
		}
	}
	return out
}

// urlForms yields the ways in which Twilio may have written rawURL when it signed, the likeliest first. It works on
// the string, because a parsed URL doesn't print as the same bytes (non-ASCII paths, '|').
func urlForms(rawURL string) iter.Seq[string] {
	return func(yield func(string) bool) {
		full := withoutFragment(rawURL)
		bare := withoutUser(full)
		if !yieldForms(bare, yield) || bare == full {
			return
		}
		yieldForms(full, yield)
	}
}

// yieldForms yields u and its variants: with the other port, and each with the query's apostrophes escaped.
func yieldForms(u string, yield func(string) bool) bool {
	if !yield(u) {
		return false
	}
	other := otherPort(u)
	if !yield(other) {
		return false
	}
	base, query, _ := strings.Cut(u, "?")
	if !strings.Contains(query, "'") {
		return true
	}
	query = strings.ReplaceAll(query, "'", "%27")
	otherBase, _, _ := strings.Cut(other, "?")
	return yield(base+"?"+query) && yield(otherBase+"?"+query)
}

func withoutFragment(rawURL string) string {
	s, _, _ := strings.Cut(rawURL, "#")
	return s
}

// authority returns where the authority of a URL begins and ends; both are 0 when it has none.
func authority(rawURL string) (start, end int) {
	i := strings.Index(rawURL, "://")
	if i < 0 {
		return 0, 0
	}
	start = i + 3
	if n := strings.IndexAny(rawURL[start:], "/?"); n >= 0 {
		return start, start + n
	}
	return start, len(rawURL)
}

func withoutUser(rawURL string) string {
	start, end := authority(rawURL)
	if at := strings.LastIndexByte(rawURL[start:end], '@'); at >= 0 {
		return rawURL[:start] + rawURL[start+at+1:]
	}
	return rawURL
}

// otherPort returns the URL without its port, or with the scheme's own port where it has none.
func otherPort(rawURL string) string {
	start, end := authority(rawURL)
	host := start + strings.LastIndexByte(rawURL[start:end], '@') + 1
	colon := strings.LastIndexByte(rawURL[host:end], ':')
	if colon >= 0 && colon > strings.LastIndexByte(rawURL[host:end], ']') { // not one within an IPv6 address
		return rawURL[:host+colon] + rawURL[end:]
	}
	port := ":80"
	if strings.EqualFold(rawURL[:max(start-3, 0)], "https") {
		port = ":443"
	}
	return rawURL[:end] + port + rawURL[end:]
}
