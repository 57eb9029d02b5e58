package bandwidth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

func BenchmarkParse(b *testing.B) {
	a := open(b, bandwidth.Config{})
	for name, body := range map[string]string{
		"inbound":      "[" + event(nil, nil) + "]",
		"receipt":      "[" + receipt(nil, nil) + "]",
		"1000 events":  "[" + strings.Repeat(receipt(nil, nil)+",", 999) + event(nil, nil) + "]",
		"unauthorized": "",
		"15000 names":  manyNames(15_000), // four times as many must cost four times as much (F23)
		"60000 names":  manyNames(60_000),
		"1 MiB number": "[" + strings.Repeat("1", 1<<20-2) + "]",
	} {
		b.Run(name, func(b *testing.B) {
			r := hook(body)
			if name == "unauthorized" {
				r.Header.Set("Authorization", basic("x", "y"))
			}
			raw := []byte(body)
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				_, _ = a.Parse(r, raw)
			}
		})
	}
}

func BenchmarkSend(b *testing.B) {
	a := open(b, bandwidth.Config{Transport: carrier(func(r *http.Request, _ []byte) (*http.Response, error) {
		return answer(r, 202, sendOK), nil
	})})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Send(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
}

// What Verify costs apart from the network: four questions, answered from memory.
func BenchmarkVerify(b *testing.B) {
	a, values := openAt(b, bandwidth.Config{Transport: documented()}, fakeSetup()), fakeSetup().Values()
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Verify(b.Context(), values); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRegister is the usual case: one question, nothing to change.
func BenchmarkRegister(b *testing.B) {
	_, a, values := connect(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Register(b.Context(), values); err != nil {
			b.Fatal(err)
		}
	}
}
