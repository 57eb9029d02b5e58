package twilio_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// FuzzParse gives strangers' bytes to Parse twice: with a signature that fits them, for the reading, and with one
// that doesn't, for the door.
func FuzzParse(f *testing.F) {
	for _, c := range inboundData(f) {
		f.Add("", "", c.Raw)
	}
	f.Add("/status/ref-1", "", receiptForm("MessageStatus", "undelivered", "ErrorCode", "30004"))
	f.Add("/status/%2F", "x='y'", "Body=%zz")
	f.Add("", "bodySHA256=x", "a=b;c=d&&=&%00=%ff")
	a := open(f, twilio.Config{}, settings())
	f.Fuzz(func(t *testing.T, path, query, body string) {
		u, err := url.Parse(testWebhook + path)
		if err != nil {
			return
		}
		u.RawQuery = query
		events, err := a.Parse(webhookAt(testToken, u, body), []byte(body))
		if err != nil {
			if !errors.Is(err, channel.ErrForged) && !errors.Is(err, channel.ErrMalformed) && !errors.Is(err, channel.ErrMediaType) {
				t.Fatalf("an error of no known kind: %v", err)
			}
		} else {
			checkEvents(t, events)
		}
		if _, err := a.Parse(webhookAt("other1", u, body), []byte(body)); err == nil {
			t.Fatal("a forged webhook was read")
		}
	})
}

func checkEvents(t *testing.T, events []channel.Event) {
	t.Helper()
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	switch e := events[0].(type) {
	case channel.Inbound:
		if len(e.ID) != 34 || len(e.Media) > 100 {
			t.Fatalf("inbound %q with %d files", e.ID, len(e.Media))
		}
		for _, v := range e.Fields {
			if channel.Clean(v) != v {
				t.Fatalf("a field isn't clean")
			}
		}
	case channel.Receipt:
		if len(e.ID) != 34 || len(e.Ref) > 64 || len(e.Word) > 64 {
			t.Fatalf("receipt %+v", e)
		}
		failed := e.Status == channel.StatusFailed || e.Status == channel.StatusUndelivered
		if failed == (e.Reason == channel.ReasonNone) {
			t.Fatalf("state %q with reason %q", e.Status, e.Reason)
		}
	default:
		t.Fatalf("%T", e)
	}
}

// FuzzSignature holds the check to its inverse, whatever the URL and the form.
func FuzzSignature(f *testing.F) {
	f.Add("https://h.example/p?a='b'#c", "a=1&a=2&b=")
	f.Add("https://u:p@[::1]:443", "")
	f.Add("://@:/?#", "%00=%ff")
	f.Fuzz(func(t *testing.T, rawURL, body string) {
		form, _ := url.ParseQuery(body)
		signature := twilio.Signature(testToken, rawURL, form)
		if len(signature) != 28 || !twilio.ValidSignature(testToken, rawURL, form, signature) {
			t.Fatalf("own signature %q refused", signature)
		}
		if twilio.ValidSignature(testToken+"x", rawURL, form, signature) || twilio.ValidSignature(testToken, "x"+rawURL, form, signature) {
			t.Fatal("accepted with another token or URL")
		}
	})
}
