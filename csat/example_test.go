package csat_test

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/livedesk/livedesk-go/csat"
)

func ExampleParse() {
	for _, text := range []string{"5", "4/5", "five, thank you!", "5 but slow", "4:30 works", "55"} {
		if reply, ok := csat.Parse("en", text); ok {
			fmt.Printf("%q is a %d, comment %q\n", text, reply.Rating, reply.Comment)
		} else {
			fmt.Printf("%q is a message\n", text)
		}
	}
	// Output:
	// "5" is a 5, comment ""
	// "4/5" is a 4, comment ""
	// "five, thank you!" is a 5, comment "thank you!"
	// "5 but slow" is a 5, comment "but slow"
	// "4:30 works" is a message
	// "55" is a message
}

func ExampleSurvey_Validate() {
	err := csat.Survey{Mode: "page", Question: "Rate us: {{link}}", Window: time.Second}.Validate()
	for _, e := range err.(csat.FieldErrors) {
		fmt.Println(e)
	}
	// Output:
	// mode: must be "reply" or "link"
	// question: names {{link}}, which only mode "link" has
	// window_seconds: must be between one minute and 30 days; 0 means 24 hours
}

func ExampleSurvey_Read() {
	survey := csat.Survey{Enabled: true, AskComment: true, Thanks: "Thank you!"}
	sent := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	open := csat.Open{ClosesAt: survey.ClosesAt(sent)}

	answer := survey.Read(open, "2", sent.Add(time.Minute))
	fmt.Println(answer.Meaning, answer.Reply.Rating, answer.Say)

	open.Rating = 2 // stored
	answer = survey.Read(open, "Nobody called me back.", sent.Add(2*time.Minute))
	fmt.Println(answer.Meaning, answer.Reply.Comment, answer.Say)
	// Output:
	// rating 2 ask_comment
	// comment Nobody called me back. thanks
}

func ExampleToken() {
	token := csat.NewToken()
	link := "https://desk.example.com/rate/" + token.Reveal()
	stored := token.Hash() // the token itself is in no store

	got, ok := csat.ParseToken(link[len("https://desk.example.com/rate/"):])
	fmt.Println(ok, stored.Matches(got), stored.Matches(csat.NewToken()))
	fmt.Println("in a log:", token)
	// Output:
	// true true false
	// in a log: [redacted]
}

func ExampleTally() {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	tally, err := csat.NewTally(csat.Query{From: day, To: day.AddDate(0, 0, 1), By: []csat.Dimension{csat.ByAgent}})
	if err != nil {
		panic(err)
	}
	for _, r := range []csat.Result{
		{Agent: "ann", SentAt: day, Rating: 5}, {Agent: "ann", SentAt: day, Rating: 4},
		{Agent: "ann", SentAt: day}, {Agent: "bob", SentAt: day, Rating: 2},
	} {
		if err := tally.Add(r); err != nil {
			panic(err)
		}
	}
	report := tally.Report()
	total, _ := json.Marshal(report.Total)
	fmt.Println(string(total))
	if err := report.WriteCSV(os.Stdout); err != nil {
		panic(err)
	}
	// Output:
	// {"sent":4,"answered":3,"response_rate":0.75,"mean":3.6666666666666665,"csat":0.6666666666666666,"distribution":[0,1,0,1,1]}
	// agent,sent,answered,response_rate,mean,csat,rated_1,rated_2,rated_3,rated_4,rated_5
	// ann,3,2,0.6667,4.5000,1.0000,0,0,0,1,1
	// bob,1,1,1.0000,2.0000,0.0000,0,1,0,0,0
}
