package smstest

import (
	"net/http"
	"testing"
)

// What a load test spends on the carrier itself, for a text with its two receipts.
func BenchmarkTwilioText(b *testing.B) {
	f, err := OpenTwilio(TwilioConfig{WebhookTransport: HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })), Keep: 100})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	form := twilioForm()
	b.ReportAllocs()
	for b.Loop() {
		res, err := f.Transport().RoundTrip(twilioRequest(b.Context(), "https://api.twilio.com", form))
		if err != nil || res.StatusCode != 201 {
			b.Fatal(err)
		}
		if err := f.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
