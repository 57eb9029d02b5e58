package twilio

import (
	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What the form and Open say of a value with the wrong shape.
const (
	problemAccountSID = `must be "AC" and 32 hexadecimal digits in lower case`
	problemKeySID     = `must be "SK" and 32 hexadecimal digits`
	problemServiceSID = `must be "MG" and 32 hexadecimal digits in lower case`
	problemCredential = "must be letters and digits only, as shown in the Twilio console"
	problemNumber     = `must be "+", the country code and the number, digits only (E.164)`
)

// Setup is a channel of this provider for those who write it in Go rather than have a person fill in the form.
// [Setup.Values] turns it into form values; Form().Validate says what is wrong with them.
type Setup struct {
	// Name is the channel's name.
	Name string
	// PhoneNumber sends and receives. It is ignored when MessagingServiceSID is set.
	PhoneNumber channel.Address
	// MessagingServiceSID ("MG…") makes a Messaging Service the sender; its whole pool receives. Empty means that
	// PhoneNumber sends.
	MessagingServiceSID string
	// AccountSID is "AC…".
	AccountSID string
	// AuthToken is the account's primary auth token. It verifies webhooks, also where an API key sends.
	AuthToken sms.Secret
	// APIKeySID ("SK…") and APIKeySecret authenticate sends. An empty SID means that AuthToken does.
	APIKeySID    string
	APIKeySecret sms.Secret
}

// Values returns the set-up as form values, secrets in the clear.
func (s Setup) Values() map[string]string {
	v := map[string]string{
		"name":        s.Name,
		"account_sid": s.AccountSID,
		"auth_token":  s.AuthToken.Reveal(),
	}
	if s.MessagingServiceSID != "" {
		v["use_messaging_service"], v["messaging_service_sid"] = "true", s.MessagingServiceSID
	} else {
		v["phone_number"] = string(s.PhoneNumber)
	}
	if s.APIKeySID != "" {
		v["use_api_key"], v["api_key_sid"], v["api_key_secret"] = "true", s.APIKeySID, s.APIKeySecret.Reveal()
	}
	return v
}

func form() sms.Form {
	return sms.Form{
		Provider: Name,
		Title:    sms.Text{EN: "Twilio", FR: "Twilio"},
		Fields:   append(channelFields(), connectionFields()...),
	}
}

func channelFields() []sms.Field {
	return []sms.Field{
		{
			Name: "name", Kind: sms.FieldName, Scope: sms.ScopeChannel, Required: true,
			Label: sms.Text{EN: "Channel name", FR: "Nom du canal"},
			Help:  sms.Text{EN: "How your team calls this channel.", FR: "Le nom du canal pour votre équipe."},
		},
		{
			Name: "phone_number", Kind: sms.FieldNumber, Scope: sms.ScopeChannel, Required: true,
			When:  "!use_messaging_service",
			Label: sms.Text{EN: "Phone number", FR: "Numéro de téléphone"},
			Help: sms.Text{
				EN: "The Twilio number that sends and receives, such as +14155550123. Its webhook at Twilio is our address with #rc=5&rp=all at the end, which makes Twilio repeat a webhook that failed.",
				FR: "Le numéro Twilio qui envoie et reçoit, par exemple +14155550123. Son webhook chez Twilio est notre adresse suivie de #rc=5&rp=all, ce qui fait répéter par Twilio un webhook qui a échoué."},
			Pattern: `\+[1-9][0-9]{6,14}`,
			PatternHelp: sms.Text{EN: problemNumber,
				FR: "doit être « + », l'indicatif du pays et le numéro, en chiffres seulement (E.164)"},
		},
		{
			Name: "use_messaging_service", Kind: sms.FieldBool, Scope: sms.ScopeChannel,
			Label: sms.Text{EN: "Use a Twilio Messaging Service", FR: "Utiliser le service de messages Twilio"},
			Help:  sms.Text{EN: "Twilio picks the sender from the pool of the service, and every number of the pool is received.", FR: "Twilio choisit l'expéditeur parmi les numéros du service, et tous ses numéros sont reçus."},
		},
		{
			Name: "messaging_service_sid", Kind: sms.FieldPool, Scope: sms.ScopeChannel, Required: true,
			When:  "use_messaging_service",
			Label: sms.Text{EN: "Messaging Service SID", FR: "SID du service de messages"},
			Help: sms.Text{
				EN: "Starts with MG; in the Twilio console under Messaging, Services. Its webhook at Twilio is our address with #rc=5&rp=all at the end, which makes Twilio repeat a webhook that failed.",
				FR: "Commence par MG ; dans la console Twilio sous Messaging, Services. Son webhook chez Twilio est notre adresse suivie de #rc=5&rp=all, ce qui fait répéter par Twilio un webhook qui a échoué."},
			Pattern:     `MG[0-9a-f]{32}`, // webhooks name it, and are compared with it
			PatternHelp: sms.Text{EN: problemServiceSID, FR: "doit être « MG » et 32 chiffres hexadécimaux en minuscules"},
		},
	}
}

func connectionFields() []sms.Field {
	secret := sms.Text{EN: problemCredential, FR: "seulement des lettres et des chiffres, comme dans la console Twilio"}
	return []sms.Field{
		{
			Name: "account_sid", Kind: sms.FieldText, Scope: sms.ScopeIdentity, Required: true,
			Label:       sms.Text{EN: "Account SID", FR: "Account SID"},
			Help:        sms.Text{EN: "SID of the Twilio account that owns the number; starts with AC.", FR: "SID du compte Twilio qui possède le numéro ; commence par AC."},
			Pattern:     `AC[0-9a-f]{32}`, // likewise; and two spellings would be two connections
			PatternHelp: sms.Text{EN: problemAccountSID, FR: "doit être « AC » et 32 chiffres hexadécimaux en minuscules"},
		},
		{
			Name: "use_api_key", Kind: sms.FieldBool, Scope: sms.ScopeConnection,
			Label: sms.Text{EN: "Use API key authentication", FR: "Utiliser l'authentification par clé API"},
			Help:  sms.Text{EN: "Sends with an API key, which can be revoked by itself, instead of the auth token.", FR: "Envoie avec une clé API, révocable séparément, au lieu de l'auth token."},
		},
		{
			Name: "api_key_sid", Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true,
			When:        "use_api_key",
			Label:       sms.Text{EN: "API key SID", FR: "SID de la clé API"},
			Help:        sms.Text{EN: "Starts with SK.", FR: "Commence par SK."},
			Pattern:     `SK[0-9a-fA-F]{32}`,
			PatternHelp: sms.Text{EN: problemKeySID, FR: "doit être « SK » et 32 chiffres hexadécimaux"},
		},
		{
			Name: "api_key_secret", Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true, Secret: true,
			When:        "use_api_key",
			Label:       sms.Text{EN: "API key secret", FR: "Secret de la clé API"},
			Help:        sms.Text{EN: "Shown by Twilio once, when the key is created.", FR: "Affiché par Twilio une seule fois, à la création de la clé."},
			Pattern:     credentialPattern,
			PatternHelp: secret,
		},
		{
			Name: "auth_token", Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true, Secret: true,
			Label:       sms.Text{EN: "Auth token", FR: "Auth token"},
			Help:        sms.Text{EN: "The primary auth token of the account. Twilio signs its webhooks with it, also when an API key sends.", FR: "L'auth token principal du compte. Twilio signe ses webhooks avec lui, même si une clé API envoie."},
			Pattern:     credentialPattern,
			PatternHelp: secret,
		},
	}
}

const credentialPattern = `[0-9A-Za-z]+`
