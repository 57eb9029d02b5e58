package csat_test

import (
	"io"
	"testing"

	"github.com/livedesk/livedesk-go/csat"
)

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"message": "Hello, my parcel has not arrived yet, can you help me?",
		"accents": "Était-ce livré hier à 17 h ?",
		"rating":  "5",
		"comment": "five, but it took you a whole week to answer",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				csat.Parse("en", text)
			}
		})
	}
}

func BenchmarkTallyAdd(b *testing.B) {
	all := results(1000)
	tl, err := csat.NewTally(march)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := tl.Add(all[i%len(all)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteResults(b *testing.B) {
	all := results(1000)
	b.ReportAllocs()
	for b.Loop() {
		if err := csat.WriteResults(io.Discard, nil, list(nil, all...)); err != nil {
			b.Fatal(err)
		}
	}
}
