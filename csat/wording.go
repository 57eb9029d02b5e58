package csat

// wording is the default texts of one language: in GSM-7 characters and one segment each, so that a survey never
// costs two. Some sentences were chosen to avoid letters that GSM-7 lacks (Spanish á, í, ó, ú; Portuguese ã, ç).
type wording struct{ question, link, comment string }

var english = wording{
	"How did we do? Reply with a number from 1 (very bad) to 5 (very good).",
	"How did we do? Rate us here: " + LinkName,
	"Thank you. Would you tell us why? Reply to this message.",
}

var wordings = map[string]wording{
	"en": english,
	"fr": {
		"Comment avons-nous répondu à votre demande ? Répondez de 1 (très mal) à 5 (très bien).",
		"Comment avons-nous répondu à votre demande ? Votre avis : " + LinkName,
		"Merci. Voulez-vous nous dire pourquoi ? Répondez à ce message.",
	},
	"es": {
		"¿Le hemos atendido bien? Responda del 1 (muy mal) al 5 (muy bien).",
		"¿Le hemos atendido bien? Denos su nota: " + LinkName,
		"Gracias. ¿Quiere decirnos el motivo? Responda a este mensaje.",
	},
	"de": {
		"Wie zufrieden sind Sie mit uns? Antworten Sie mit 1 (sehr unzufrieden) bis 5 (sehr zufrieden).",
		"Wie zufrieden sind Sie mit uns? Bewerten Sie uns hier: " + LinkName,
		"Vielen Dank. Möchten Sie uns den Grund nennen? Antworten Sie auf diese SMS.",
	},
	"it": {
		"Come giudica il nostro servizio? Risponda da 1 (pessimo) a 5 (ottimo).",
		"Come giudica il nostro servizio? Lo valuti qui: " + LinkName,
		"Grazie. Vuole dirci il motivo? Risponda a questo messaggio.",
	},
	"pt": {
		"Como foi o nosso atendimento? Responda de 1 (muito mau) a 5 (muito bom).",
		"Como foi o nosso atendimento? Avalie aqui: " + LinkName,
		"Agradecemos a resposta. Quer contar o motivo? Responda a esta mensagem.",
	},
	"nl": {
		"Hoe tevreden bent u over ons? Antwoord met 1 (heel ontevreden) tot 5 (heel tevreden).",
		"Hoe tevreden bent u over ons? Geef hier uw cijfer: " + LinkName,
		"Bedankt. Wilt u ons vertellen waarom? Antwoord op dit bericht.",
	},
}

func wordingOf(tag string) wording {
	if w, ok := wordings[baseLanguage(tag)]; ok {
		return w
	}
	return english
}
