package contract_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// question is a webhook that Twilio's package is asked about.
type question struct {
	Token     string `json:"token"`
	URL       string `json:"url"`
	Body      string `json:"body"`
	JSON      bool   `json:"json"`
	Signature string `json:"signature"`
}

// verdict is what it says: whether it accepts the signature, and what it would sign.
type verdict struct {
	Accepted  bool   `json:"accepted"`
	Signature string `json:"signature"`
}

// npm asks Twilio's package for Node, or skips where it isn't there.
func npm(t *testing.T, questions []question) []verdict {
	t.Helper()
	dir := os.Getenv("LIVEDESK_TEST_TWILIO_NPM")
	if dir == "" {
		t.Skip("Twilio's own validator isn't asked: set LIVEDESK_TEST_TWILIO_NPM=$(.ci/twilio-npm DIR), which needs Node and npm's registry")
	}
	in, err := json.Marshal(questions)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "validate.js"), dir)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	var verdicts []verdict
	require.NoError(t, json.Unmarshal(out, &verdicts))
	require.Len(t, verdicts, len(questions))
	return verdicts
}

// ours is what our verifier says.
func (q question) ours(t *testing.T, signature string) bool {
	t.Helper()
	if q.JSON {
		return twilio.ValidBodySignature(q.Token, q.URL, []byte(q.Body), signature)
	}
	form, err := url.ParseQuery(q.Body)
	require.NoError(t, err)
	return twilio.ValidSignature(q.Token, q.URL, form, signature)
}

const chances = 3000

// What our fake carrier signs, Twilio's package accepts, and so does our adapter.
func TestNodeAcceptsWhatTheFakeSigns(t *testing.T) {
	if os.Getenv("LIVEDESK_TEST_TWILIO_NPM") == "" {
		npm(t, nil) // skips
	}
	c := smstest.NewTwilio(t, smstest.TwilioConfig{Keep: -1})
	taken := 0
	c.SetWebhooks("https://desk.example.com/sms/3f9a#rc=5&rp=all", smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
	r := seeded()
	for range chances {
		m := smstest.Text{Body: randomText(r), Fields: map[string]string{}, URL: randomURL(r) + "#rc=5&rp=all"}
		for range r.IntN(6) {
			m.Fields[randomKey(r)] = randomText(r)
		}
		_, err := c.Deliver(t.Context(), m)
		require.NoError(t, err)
	}
	account := connect(t, twilio.New(twilio.Config{}), nil, twilioValues(withNumber)).account
	var questions []question
	for _, w := range c.Webhooks() {
		seen, _, _ := strings.Cut(w.URL, "#") // no fragment goes over the wire
		questions = append(questions, question{Token: smstest.TwilioAuthToken, URL: seen, Body: string(w.Body), Signature: w.Header.Get("X-Twilio-Signature")})
		req, err := http.NewRequestWithContext(t.Context(), "POST", seen, http.NoBody)
		require.NoError(t, err)
		req.Header = w.Header
		if _, err := account.Parse(req, w.Body); err == nil {
			taken++
		}
	}
	for i, v := range npm(t, questions) {
		require.True(t, v.Accepted, "Node refuses what the fake signed for %s: %s", questions[i].URL, questions[i].Body)
		require.True(t, questions[i].ours(t, questions[i].Signature), "we refuse it: %s %s", questions[i].URL, questions[i].Body)
	}
	require.NotZero(t, taken)
}

// What Twilio's package signs, our verifier accepts; and both refuse what was changed since.
func TestWeAcceptWhatNodeSigns(t *testing.T) {
	r := seeded()
	var questions []question
	for range chances {
		questions = append(questions, question{Token: randomToken(r), URL: randomURL(r), Body: randomForm(r)})
	}
	signed := npm(t, questions)
	for i, v := range signed {
		require.True(t, questions[i].ours(t, v.Signature), "%+v", questions[i])
	}
	altered := make([]question, len(questions))
	for i, q := range questions {
		altered[i] = alter(r, q, signed[i].Signature)
	}
	refused := 0
	for i, v := range npm(t, altered) {
		require.Equal(t, v.Accepted, altered[i].ours(t, altered[i].Signature), "Node says %v about %+v", v.Accepted, altered[i])
		if !v.Accepted {
			refused++
		}
	}
	require.Greater(t, refused, chances*9/10, "what was altered is still good where only the order changed")
}

// The same for JSON, whose hash is in the URL.
func TestNodeAndJSON(t *testing.T) {
	r := seeded()
	var questions []question
	for range chances / 10 {
		body := `{"a":"` + strings.ReplaceAll(randomText(r), `"`, "") + `"}`
		sum := sha256.Sum256([]byte(body))
		address := randomURL(r)
		address += map[bool]string{false: "?", true: "&"}[strings.Contains(address, "?")] + "bodySHA256=" + hex.EncodeToString(sum[:])
		questions = append(questions, question{Token: randomToken(r), URL: address, Body: body, JSON: true})
	}
	signed := npm(t, questions)
	for i := range questions {
		require.True(t, questions[i].ours(t, signed[i].Signature), "%+v", questions[i])
		questions[i].Signature = twilio.Signature(questions[i].Token, questions[i].URL, nil)
	}
	for i, v := range npm(t, questions) {
		require.True(t, v.Accepted, "%+v", questions[i])
		questions[i].Body += " "
	}
	for i, v := range npm(t, questions) {
		require.False(t, v.Accepted)
		require.False(t, questions[i].ours(t, questions[i].Signature))
	}
}

// Where the package and we differ, and why we keep to ours. One that no longer differs is to be taken off the list.
func TestNodeDiffers(t *testing.T) {
	const token, form = "7e57a0", "A=1"
	sum := sha256.Sum256([]byte("{}"))
	hash := hex.EncodeToString(sum[:])
	type difference struct {
		why        string
		given      question
		signedURL  string     // what the signature covers
		signedForm url.Values // nil means that of the body
		node       bool       // we say the opposite
	}
	cases := []difference{
		{"Twilio drops the user of a URL before it signs (PROVIDERS.md 2.3); the package keeps it",
			question{URL: "https://u:p@h.example/p", Body: form}, "https://h.example/p", nil, false},
		{"the fragment takes no part (2.1); the package wants it cut off before",
			question{URL: "https://h.example/p#rc=5&rp=all", Body: form}, "https://h.example/p", nil, false},
		{"our configured URL counts byte for byte (F6); the package also tries it as a browser would write it",
			question{URL: "https://H.example/España", Body: form}, "https://h.example/Espa%C3%B1a", nil, true},
		{"the same, for a query that Twilio may have escaped: ours have no query (2.3)",
			question{URL: "https://h.example/p?a=@:", Body: form}, "https://h.example/p?a=%40%3A", nil, true},
		{"bytes that are no UTF-8 are signed as they are; Node replaces them when it decodes the form",
			question{URL: "https://h.example/p", Body: "A=%FF"}, "https://h.example/p", nil, false},
		{"values of one key are sorted by their bytes (2.3); JavaScript sorts UTF-16 units, which puts U+1F600 before U+FF01",
			question{URL: "https://h.example/p", Body: "A=%EF%BC%81&A=%F0%9F%98%80"}, "https://h.example/p", nil, false},
		{"a second bodySHA256 may be a proxy's: two are none; the package takes the first",
			question{URL: "https://h.example/p?bodySHA256=" + hash + "&bodySHA256=0", Body: "{}", JSON: true},
			"https://h.example/p?bodySHA256=" + hash + "&bodySHA256=0", url.Values{}, true},
		{"the empty key is no key (F7); the package computes with it",
			question{URL: "https://h.example/p", Body: form, Token: "none"}, "https://h.example/p", nil, true},
	}
	var questions []question
	for _, c := range cases {
		q := c.given
		switch q.Token {
		case "":
			q.Token = token
		case "none":
			q.Token = ""
		}
		if c.signedForm == nil {
			parsed, err := url.ParseQuery(q.Body)
			require.NoError(t, err)
			c.signedForm = parsed
		}
		q.Signature = signed(q.Token, c.signedURL, c.signedForm)
		questions = append(questions, q)
	}
	for i, v := range npm(t, questions) {
		require.Equal(t, cases[i].node, v.Accepted, "Node: %s", cases[i].why)
		require.Equal(t, !cases[i].node, questions[i].ours(t, questions[i].Signature), "ours: %s", cases[i].why)
	}
}

// alter changes one thing of a signed webhook.
func alter(r *rand.Rand, q question, signature string) question {
	q.Signature = signature
	switch r.IntN(6) {
	case 0:
		b, _ := base64.StdEncoding.DecodeString(signature)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		q.Signature = base64.StdEncoding.EncodeToString(b)
	case 1:
		q.Token += "x"
	case 2:
		q.Body += "&Extra=1"
	case 3:
		q.URL = strings.Replace(q.URL, "/sms", "/SMS", 1)
	case 4:
		q.Signature = signature[:27]
	case 5: // the order of parameters doesn't count
		parts := strings.Split(q.Body, "&")
		slices.Reverse(parts)
		q.Body = strings.Join(parts, "&")
		if r.IntN(10) > 0 {
			q.Body += "&" + url.QueryEscape(randomKey(r)+"z") + "=new"
		}
	}
	return q
}

func randomToken(r *rand.Rand) string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }

// randomURL is an address as somebody may configure it, with what proxies and SDKs get wrong.
func randomURL(r *rand.Rand) string {
	hosts := []string{"desk.example.com", "127.0.0.1", "[2001:db8::1]", "DESK.example.com", "desk-1.example"}
	scheme, port := "https", []string{"", "", "", ":443", ":8443", ":80"}[r.IntN(6)]
	if r.IntN(4) == 0 {
		scheme = "http"
	}
	paths := []string{"/sms/3f9a", "/sms/3f9a/status/0192f0c1-ref", "/sms", "/a%2Fb/sms/x", "/sms/Espa%C3%B1a", "/sms/a+b;c,d", "/sms/~x(1)*!"}
	queries := []string{"", "", "", "?a=1", "?b=2&a=1", "?a=%27x%27&b=%20", "?x=1&x=2", "?empty=&flag", "?q=a%2Bb+c"}
	return scheme + "://" + hosts[r.IntN(len(hosts))] + port + paths[r.IntN(len(paths))] + queries[r.IntN(len(queries))]
}

// randomKey is the name of a parameter: mostly one of Twilio's.
func randomKey(r *rand.Rand) string {
	keys := []string{"Body", "From", "To", "MessageSid", "SmsSid", "AccountSid", "NumMedia", "MediaUrl0", "MediaUrl1", "MediaUrl10", "FromCity", "fromcity", "AddOns",
		"ButtonText", "ProfileName", "0", "10", "9", "a.b", "a_b", "a-b", "A", "AA", "a", "clé", "キー", "k[]", "k[0]", "__proto__", "constructor", "toString"}
	return keys[r.IntN(len(keys))]
}

// randomText is a value. No characters beyond the BMP beside those of U+E000 to U+FFFF: see TestNodeDiffers.
func randomText(r *rand.Rand) string {
	parts := []string{"", "", " ", "a", "Hello", "\r\n", "\t", "+", "%2B", "%", "&To=+1", "=", "#", "?", "'", `"`, "<b>", "é", "日本語", "مرحبا", "👩‍👩‍👧", "😀", "\u0301", "\x00", "\x1b[31m",
		"0", "-1", "null", "[object Object]", "\\", "\u2028", "€"}
	var b strings.Builder
	for range r.IntN(5) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// randomForm is a body, with repeated keys and values, empty values and none at all, in any order.
func randomForm(r *rand.Rand) string {
	var b []string
	for range r.IntN(25) {
		key, value := url.QueryEscape(randomKey(r)), randomText(r)
		if value == "" && r.IntN(2) == 0 {
			b = append(b, key) // without the "="
			continue
		}
		for range 1 + r.IntN(8)/6*r.IntN(4) { // mostly once
			b = append(b, key+"="+escaped(r, value))
			if r.IntN(2) == 0 {
				value = randomText(r)
			}
		}
	}
	return strings.Join(b, "&")
}

// escaped writes a value as one of those who write forms do: blanks as '+' or as %20.
func escaped(r *rand.Rand, value string) string {
	out := url.QueryEscape(value)
	if r.IntN(3) == 0 {
		out = strings.ReplaceAll(out, "+", "%20")
	}
	return out
}

// signed is the scheme once more, without our code.
func signed(token, address string, form url.Values) string {
	h := hmac.New(sha1.New, []byte(token))
	h.Write([]byte(address))
	for _, k := range slices.Sorted(maps.Keys(form)) {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(form[k]))) {
			h.Write([]byte(k + v))
		}
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
