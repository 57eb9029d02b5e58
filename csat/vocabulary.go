package csat

import (
	"maps"
	"slices"
	"strings"
)

// vocabulary is what the grammar knows of a language. Words are written folded: lower case, without accents.
type vocabulary struct {
	numbers []numberWord
	outOf   []string // between two numbers of a scale: "four out of five"
	stars   []string // belong to a rating: "five stars"
	counted []string // after a number: it counts these and rates nothing, "five minutes"
}

type numberWord struct {
	word    string
	rating  int
	article bool // is an article as well, so that a noun after it makes it no number
}

var vocabularies = map[string]*vocabulary{
	"en": {
		numbers: []numberWord{{"one", 1, false}, {"two", 2, false}, {"three", 3, false}, {"four", 4, false},
			{"five", 5, false}},
		outOf: []string{"out of", "of"},
		stars: []string{"star", "stars", "point", "points"},
		counted: []string{"of", "more", "other", "others", "last", "thing", "things", "question", "questions", "problem",
			"problems", "issue", "issues", "moment", "time", "times", "person", "people", "persons", "item", "items",
			"order", "orders", "am", "pm", "a.m", "p.m", "o'clock", "sec", "secs", "second", "seconds", "min", "mins",
			"minute", "minutes", "hr", "hrs", "hour", "hours", "day", "days", "week", "weeks", "month", "months", "year",
			"years", "euro", "euros", "dollar", "dollars", "bucks", "pound", "pounds", "cent", "cents", "percent"},
	},
	"fr": {
		numbers: []numberWord{{"un", 1, true}, {"une", 1, true}, {"deux", 2, false}, {"trois", 3, false},
			{"quatre", 4, false}, {"cinq", 5, false}},
		outOf: []string{"sur"},
		stars: []string{"etoile", "etoiles", "point", "points"},
		counted: []string{"de", "d'autres", "d’autres", "autre", "autres", "question", "questions", "probleme",
			"problemes", "fois", "personne", "personnes", "article", "articles", "commande", "commandes", "h", "heure",
			"heures", "seconde", "secondes", "min", "minute", "minutes", "jour", "jours", "semaine", "semaines", "mois",
			"an", "ans", "annee", "annees", "euro", "euros", "dollar", "dollars", "franc", "francs", "pour cent"},
	},
	"es": {
		numbers: []numberWord{{"uno", 1, false}, {"una", 1, true}, {"un", 1, true}, {"dos", 2, false}, {"tres", 3, false},
			{"cuatro", 4, false}, {"cinco", 5, false}},
		outOf: []string{"de", "sobre"},
		stars: []string{"estrella", "estrellas", "punto", "puntos"},
		counted: []string{"de", "pregunta", "preguntas", "problema", "problemas", "vez", "veces", "persona",
			"personas", "articulo", "articulos", "pedido", "pedidos", "segundo", "segundos", "min", "minuto", "minutos",
			"hora", "horas", "dia", "dias", "semana", "semanas", "mes", "meses", "ano", "anos", "euro", "euros", "dolar",
			"dolares", "peso", "pesos", "por ciento"},
	},
	"de": {
		numbers: []numberWord{{"eins", 1, false}, {"ein", 1, true}, {"eine", 1, true}, {"zwei", 2, false},
			{"zwo", 2, false}, {"drei", 3, false}, {"vier", 4, false}, {"funf", 5, false}, {"fuenf", 5, false}},
		outOf: []string{"von"},
		stars: []string{"stern", "sterne", "sternen", "punkt", "punkte", "punkten"},
		counted: []string{"von", "weitere", "frage", "fragen", "problem", "probleme", "mal", "person", "personen",
			"leute", "artikel", "bestellung", "bestellungen", "uhr", "sekunde", "sekunden", "min", "minute", "minuten",
			"stunde", "stunden", "tag", "tage", "tagen", "woche", "wochen", "monat", "monate", "monaten", "jahr", "jahre",
			"jahren", "euro", "dollar", "franken", "cent", "prozent"},
	},
	"it": {
		numbers: []numberWord{{"uno", 1, true}, {"una", 1, true}, {"un", 1, true}, {"due", 2, false}, {"tre", 3, false},
			{"quattro", 4, false}, {"cinque", 5, false}},
		outOf: []string{"su"},
		stars: []string{"stella", "stelle", "punto", "punti"},
		counted: []string{"dei", "delle", "altra", "altre", "altri", "domanda", "domande", "problema", "problemi", "volta",
			"volte", "persona", "persone", "articolo", "articoli", "ordine", "ordini", "secondo", "secondi", "min",
			"minuto", "minuti", "ora", "ore", "giorno", "giorni", "settimana", "settimane", "mese", "mesi", "anno",
			"anni", "euro", "dollaro", "dollari", "franchi", "per cento"},
	},
	"pt": {
		numbers: []numberWord{{"um", 1, true}, {"uma", 1, true}, {"dois", 2, false}, {"duas", 2, false},
			{"tres", 3, false}, {"quatro", 4, false}, {"cinco", 5, false}},
		outOf: []string{"de", "em"},
		stars: []string{"estrela", "estrelas", "ponto", "pontos"},
		counted: []string{"de", "pergunta", "perguntas", "problema", "problemas", "vez", "vezes",
			"pessoa", "pessoas", "artigo", "artigos", "pedido", "pedidos", "segundo", "segundos", "min", "minuto",
			"minutos", "h", "hora", "horas", "dia", "dias", "semana", "semanas", "mes", "meses", "ano", "anos", "euro",
			"euros", "dolar", "dolares", "real", "reais", "por cento"},
	},
	"nl": {
		numbers: []numberWord{{"een", 1, true}, {"twee", 2, false}, {"drie", 3, false}, {"vier", 4, false},
			{"vijf", 5, false}},
		outOf: []string{"van de", "van", "op"},
		stars: []string{"ster", "sterren", "punt", "punten"},
		counted: []string{"van", "andere", "vraag", "vragen", "probleem", "problemen", "keer", "persoon", "personen",
			"mensen", "artikel", "artikelen", "bestelling", "bestellingen", "uur", "seconde", "seconden", "min", "minuut",
			"minuten", "dag", "dagen", "week", "weken", "maand", "maanden", "jaar", "jaren", "euro", "dollar", "cent",
			"procent"},
	},
}

// noWords serves languages that we have no number words for: digits, emoji and the host's own words count.
var noWords = &vocabulary{}

// Languages returns the base languages that number words and default texts come in, sorted. The slice is the caller's.
func Languages() []string { return slices.Sorted(maps.Keys(vocabularies)) }

func vocabularyOf(tag string) *vocabulary {
	if v, ok := vocabularies[baseLanguage(tag)]; ok {
		return v
	}
	return noWords
}

// baseLanguage returns the first subtag of a BCP 47 tag in lower case; "en" for an empty one.
func baseLanguage(tag string) string {
	if tag == "" {
		return "en"
	}
	base, _, _ := strings.Cut(tag, "-")
	return strings.ToLower(base)
}
