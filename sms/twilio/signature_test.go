package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms/twilio"
)

type vector struct {
	ID          string      `json:"id"`
	Token       string      `json:"auth_token"`
	URL         string      `json:"url"`
	ContentType string      `json:"content_type"`
	Params      [][2]string `json:"params"`
	Body        *string     `json:"body"`
	Signature   *string     `json:"signature"`
	Valid       bool        `json:"sdk_expects_valid"`
	Forms       []string    `json:"matches_url_form"`
	Go          string      `json:"twilio_go_v1_31_0"`
}

func (v vector) form(t testing.TB) url.Values {
	t.Helper()
	form := url.Values{}
	for _, p := range v.Params {
		form.Add(p[0], p[1])
	}
	if v.Body != nil {
		parsed, err := url.ParseQuery(*v.Body)
		require.NoError(t, err)
		form = parsed
	}
	return form
}

// All vectors of the official SDKs' own tests. We agree with the SDK that each comes from, and where those disagree
// (twilio-go reads the first value of a repeated key only, and doesn't try %27) with the one that is right.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	var data struct{ Vectors []vector }
	shared(t, "twilio_signature_vectors_sdk.json", &data)
	require.Len(t, data.Vectors, 47)
	goIsWrong := 0
	for _, v := range data.Vectors {
		signature := ""
		if v.Signature != nil {
			signature = *v.Signature
		}
		if v.Go != "agrees" {
			goIsWrong++
		}
		if v.ContentType == "application/json" {
			require.Equal(t, v.Valid, twilio.ValidBodySignature(v.Token, v.URL, []byte(*v.Body), signature), v.ID)
			continue
		}
		require.Equal(t, v.Valid, twilio.ValidSignature(v.Token, v.URL, v.form(t), signature), v.ID)
		// Signature drops the user of the URL, because Twilio's documentation says so; the SDKs' tests sign with it.
		// A webhook signed either way is accepted: both need the token.
		if v.Valid && slices.Contains(v.Forms, "as-is") && !strings.Contains(v.URL, "@") {
			require.Equal(t, signature, twilio.Signature(v.Token, v.URL, v.form(t)), v.ID)
		}
		require.False(t, twilio.ValidSignature("", v.URL, v.form(t), signature), v.ID)
		require.False(t, twilio.ValidSignature(v.Token+"x", v.URL, v.form(t), signature), v.ID)
	}
	require.Equal(t, 4, goIsWrong, "duplicate-keys, array-param-1, array-param-order-free, query-special-char")
}

// mac is the scheme once more, without our code.
func mac(token, signed string) string {
	h := hmac.New(sha1.New, []byte(token))
	h.Write([]byte(signed))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestSignatureOfDocumentedExample(t *testing.T) {
	t.Parallel()
	// twilio.com/docs/usage/webhooks/webhooks-security, worked example.
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675310"}, "Digits": {"1234"},
		"From": {"+14158675310"}, "To": {"+18005551212"}}
	require.Equal(t, "L/OH5YylLD5NRKLltdqwSvS0BnU=", twilio.Signature("12345", "https://example.com/myapp.php?foo=1&bar=2", form))
}

func TestSignatureURLForms(t *testing.T) {
	t.Parallel()
	form := url.Values{"B": {"2", "1", "2"}, "A": {""}}
	const params = "AB1B2"
	for _, c := range []struct {
		given, signed string
		want          bool
	}{
		{"https://h.example/p", "https://h.example/p", true},
		{"https://h.example/p#rc=5&rp=all", "https://h.example/p", true},
		{"https://h.example/p#rc=5", "https://h.example/p#rc=5", false},
		{"https://u:p@h.example/p", "https://h.example/p", true},
		{"https://u:p@h.example/p", "https://u:p@h.example/p", true},
		{"https://u:p@h.example/p", "https://u:x@h.example/p", false},
		{"https://h.example/p", "https://h.example:443/p", true},
		{"https://h.example:443/p", "https://h.example/p", true},
		{"http://h.example/p", "http://h.example:80/p", true},
		{"http://h.example/p", "http://h.example:443/p", false},
		{"https://h.example/p", "https://h.example:8443/p", false},
		{"https://h.example", "https://h.example:443", true},
		{"https://h.example?x=@:", "https://h.example:443?x=@:", true},
		{"https://[2001:db8::1]/p", "https://[2001:db8::1]:443/p", true},
		{"https://[2001:db8::1]:8443/p", "https://[2001:db8::1]/p", true}, // twilio-go splits at the first colon
		{"https://h.example/p?a='", "https://h.example/p?a=%27", true},
		{"https://h.example/p'", "https://h.example/p%27", false}, // the query only, as twilio-node does
		{"https://h.example/España|x", "https://h.example:443/España|x", true},
		{"https://h.example/p", "http://h.example/p", false}, // TLS ends before us: the configured URL counts
		{"https://h.example/p", "https://other.example/p", false},
		{"https://h.example/p", "https://h.example/P", false},
		{"https://h.example/%41", "https://h.example/A", false},
		{"", "", true},
	} {
		require.Equal(t, c.want, twilio.ValidSignature(testToken, c.given, form, mac(testToken, c.signed+params)), "%s signed as %s", c.given, c.signed)
	}
}

// F2: every bit at each of the 28 positions counts, the spare ones of the last character among them.
func TestSignatureBitFlips(t *testing.T) {
	t.Parallel()
	form := url.Values{"Body": {"hi"}}
	good := twilio.Signature(testToken, testWebhook, form)
	require.Len(t, good, 28)
	require.True(t, twilio.ValidSignature(testToken, testWebhook, form, good))
	for i := range len(good) {
		for bit := range 8 {
			b := []byte(good)
			b[i] ^= 1 << bit
			require.False(t, twilio.ValidSignature(testToken, testWebhook, form, string(b)), "byte %d bit %d", i, bit)
		}
		require.False(t, twilio.ValidSignature(testToken, testWebhook, form, good[:i]))
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		if b := []byte(good); b[26] != c {
			b[26] = c
			require.False(t, twilio.ValidSignature(testToken, testWebhook, form, string(b)), "%c", c)
		}
	}
	for _, s := range []string{good + good, strings.ToLower(good), strings.ToUpper(good), good + " ", " " + good, good[:27]} {
		require.False(t, twilio.ValidSignature(testToken, testWebhook, form, s))
	}
}

// F7: the empty key is a key for HMAC, but not for us.
func TestSignatureEmptyToken(t *testing.T) {
	t.Parallel()
	require.Empty(t, twilio.Signature("", testWebhook, nil))
	require.False(t, twilio.ValidSignature("", testWebhook, nil, mac("", testWebhook)))
	require.False(t, twilio.ValidBodySignature("", testWebhook, nil, mac("", testWebhook)))
}

func TestBodySignatureWantsOneHash(t *testing.T) {
	t.Parallel()
	const empty = "bodySHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	check := func(u string, body string) bool {
		return twilio.ValidBodySignature(testToken, u, []byte(body), mac(testToken, u))
	}
	require.True(t, check(testWebhook+"?"+empty, ""))
	require.False(t, check(testWebhook+"?"+empty, "x"))
	require.False(t, check(testWebhook+"?"+strings.ToUpper(empty), ""))
	require.False(t, check(testWebhook+"?"+empty+"&"+empty, ""))
	require.False(t, check(testWebhook, ""))
}
