package console

import (
	"net/http"
	"strings"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
)

// wordField is one list of a channel's own keywords as a field: words with commas between them.
type wordField struct {
	Name, Label, Help, Line string
	words                   *[]string
}

// wordFields are the fields of a channel's own keywords.
func wordFields(k *livedesk.Keywords) []wordField {
	fields := []wordField{
		{Name: "words_out", Label: "Like STOP", Help: "Whoever texts one gets nothing more.", words: &k.OptOut},
		{Name: "words_in", Label: "Like START", Help: "Whoever opted out and texts one gets texts again.", words: &k.OptIn},
		{Name: "words_help", Label: "Like HELP", Help: "Whoever texts one is told who writes, and how to stop it.", words: &k.Help},
		{Name: "words_suspect", Label: "May mean STOP", Help: "Phrases anywhere in a text: one of your team is to look before anything automatic is sent.", words: &k.Suspect},
	}
	for i, f := range fields {
		fields[i].Line = commaLine(*f.words)
	}
	return fields
}

// readWords reads the keywords from the form. A line that nobody touched leaves its list alone, since a word that a program
// stored may have a comma in it.
func readWords(r *http.Request, k *livedesk.Keywords) {
	for _, f := range wordFields(k) {
		if line := r.PostFormValue(f.Name); line != f.Line {
			*f.words = commaList(line)
		}
	}
}

// wordProblems says what is wrong with a channel's own keywords, by field: the desk says it of all of them together.
func wordProblems(k livedesk.Keywords, language string) map[string]string {
	cfg := sms.KeywordConfig{Languages: []string{language}}
	if _, err := sms.NewKeywords(cfg); err != nil {
		cfg.Languages = nil // there are no words of it beside the English ones
	}
	problems := map[string]string{}
	lists := []*[]string{&cfg.OptOut, &cfg.OptIn, &cfg.Help, &cfg.Suspect}
	for i, f := range wordFields(&k) {
		*lists[i] = *f.words
		if _, err := sms.NewKeywords(cfg); err != nil {
			problems[f.Name] = meanings.Replace(err.Error())
			*lists[i] = nil // the others have problems of their own
		}
	}
	return problems
}

// meanings says the meanings of keywords by the best known of them.
var meanings = strings.NewReplacer("sms: ", "", "\n", "; ",
	"means both opt_out", "means both STOP", "means both opt_in", "means both START", "means both help", "means both HELP",
	" and opt_out", " and STOP", " and opt_in", " and START", " and help", " and HELP")
