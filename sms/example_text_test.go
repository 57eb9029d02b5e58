package sms_test

import (
	"fmt"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

func ExampleMeasure() {
	fmt.Printf("%+v\n", sms.Measure("Your order is on its way."))
	fmt.Printf("%+v\n", sms.Measure("10 € [net]"))       // the euro sign and the brackets count twice
	fmt.Printf("%+v\n", sms.Measure("It’s on its way.")) // the curly apostrophe isn't in GSM-7
	// Output:
	// {Encoding:gsm7 Segments:1 Units:25}
	// {Encoding:gsm7 Segments:1 Units:13}
	// {Encoding:ucs2 Segments:1 Units:16}
}

func ExampleTransliterate() {
	text := "“It’s on its way” – see you soon…"
	fmt.Println(sms.Measure(text).Encoding)
	text = sms.Transliterate(text)
	fmt.Println(sms.Measure(text).Encoding, text)
	fmt.Println(sms.Transliterate("“It’s fine” 👍")) // can't become GSM-7, so nothing is lost
	// Output:
	// ucs2
	// gsm7 "It's on its way" - see you soon...
	// “It’s fine” 👍
}

func ExampleSplit() {
	for _, part := range sms.Split("We have shipped your parcel today.", 16) {
		fmt.Printf("%q\n", part)
	}
	// Output:
	// "We have shipped "
	// "your parcel "
	// "today."
}

func ExampleKeywords() {
	var k sms.Keywords // the English words
	for _, text := range []string{"Stop!", "opt-out", "Where is the bus stop?", "stop texting me"} {
		fmt.Printf("%q %q %v\n", text, k.Meaning(text), k.Suspect(text))
	}
	// Output:
	// "Stop!" "opt_out" false
	// "opt-out" "opt_out" false
	// "Where is the bus stop?" "" false
	// "stop texting me" "" true
}

func ExampleNewKeywords() {
	k, err := sms.NewKeywords(sms.KeywordConfig{
		Languages: []string{"fr-CA"},
		OptOut:    []string{"plus de textos"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	word, meaning := k.Match("Arrête !")
	fmt.Println(word, meaning == channel.OptOut)
	word, meaning = k.Match("Plus de textos.")
	fmt.Println(word, meaning == channel.OptOut)
	// Output:
	// ARRETE true
	// PLUS DE TEXTOS true
}
