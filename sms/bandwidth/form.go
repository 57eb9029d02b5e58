package bandwidth

import (
	"slices"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// The names of the form's fields, as they are stored, in its order.
const (
	fieldName            = "name"
	fieldPhone           = "phone_number"
	fieldAccount         = "account_id"
	fieldApplication     = "application_id"
	fieldBasic           = "use_basic"
	fieldKey             = "api_key"
	fieldSecret          = "api_secret"
	fieldWebhookUser     = "webhook_user"
	fieldWebhookPassword = "webhook_password"
)

// fieldOrder is the form's, and connectionFields those of them that an account is opened with.
var (
	fieldOrder       = append([]string{fieldName, fieldPhone}, connectionFields...)
	connectionFields = []string{
		fieldAccount, fieldApplication, fieldBasic, fieldKey, fieldSecret, fieldWebhookUser, fieldWebhookPassword,
	}
)

// Form describes the set-up of a Bandwidth channel. Account and application name the connection, since Bandwidth has
// one callback URL and one pair of webhook credentials per application.
//
// The webhook user and the API key count as secrets like their passwords, although neither would have to: so they
// rotate together, and [sms.Settings].Previous holds whole pairs.
func (p *Provider) Form() sms.Form {
	return sms.Form{
		Provider: Name,
		Title:    sms.Text{EN: "Bandwidth", FR: "Bandwidth"},
		Fields:   slices.Concat(channelFields(), identityFields(), apiFields(), webhookFields()),
	}
}

func channelFields() []sms.Field {
	return []sms.Field{{
		Name: fieldName, Kind: sms.FieldName, Scope: sms.ScopeChannel, Required: true,
		Label: sms.Text{EN: "Inbox name", FR: "Nom de la boîte de réception"},
		Help:  sms.Text{EN: "How agents see this channel.", FR: "Le nom sous lequel les agents voient ce canal."},
	}, {
		Name: fieldPhone, Kind: sms.FieldNumber, Scope: sms.ScopeChannel, Required: true,
		Label: sms.Text{EN: "Phone number", FR: "Numéro de téléphone"},
		Help: sms.Text{
			EN: "The Bandwidth number that sends and receives, for example +19195550100.",
			FR: "Le numéro Bandwidth qui envoie et reçoit les messages, par exemple +19195550100.",
		},
		Pattern: `\+[1-9][0-9]{6,14}`,
		PatternHelp: sms.Text{
			EN: "must be an E.164 number: + and 7 to 15 digits, without blanks",
			FR: "doit être un numéro E.164 : + suivi de 7 à 15 chiffres, sans espaces",
		},
	}}
}

func identityFields() []sms.Field {
	return []sms.Field{{
		Name: fieldAccount, Kind: sms.FieldText, Scope: sms.ScopeIdentity, Required: true,
		Label: sms.Text{EN: "Account ID", FR: "Account ID"},
		Help: sms.Text{
			EN: "The number of the Bandwidth account, shown at the top of the Bandwidth App.",
			FR: "Le numéro du compte Bandwidth, affiché en haut de l’application Bandwidth.",
		},
		Pattern:     `[0-9]{1,20}`,
		PatternHelp: sms.Text{EN: "must be digits only", FR: "ne doit contenir que des chiffres"},
	}, {
		Name: fieldApplication, Kind: sms.FieldText, Scope: sms.ScopeIdentity, Required: true,
		Label: sms.Text{EN: "App ID", FR: "App ID"},
		Help: sms.Text{
			EN: "The ID of the messaging application. Link it to a location that holds the number, or texts vanish without any notice.",
			FR: "L’ID de l’application de messagerie. Associez-la à un site (location) qui contient le numéro, sinon les messages se perdent sans avis.",
		},
		Pattern: `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, // two spellings would be two connections with an address each
		PatternHelp: sms.Text{
			EN: "must be a UUID in lower case such as 93de2206-9669-4e07-948d-329f4b722ee2",
			FR: "doit être un UUID en minuscules tel que 93de2206-9669-4e07-948d-329f4b722ee2",
		},
	}}
}

func apiFields() []sms.Field {
	return []sms.Field{{
		Name: fieldBasic, Kind: sms.FieldBool, Scope: sms.ScopeConnection,
		Label: sms.Text{EN: "Legacy user and password (Basic)", FR: "Ancien identifiant et mot de passe (Basic)"},
		Help: sms.Text{
			EN: "Only for an API user from before API credentials. Bandwidth accepts none from 2026-12-02 on: the channel then keeps its texts and sends nothing until this is off and API credentials are entered. Leave it off for API credentials.",
			FR: "Uniquement pour un utilisateur d’API antérieur aux identifiants d’API. Bandwidth n’en accepte plus à partir du 2026-12-02 : le canal garde alors ses messages et n’envoie rien tant que cette option n’est pas désactivée et que des identifiants d’API ne sont pas saisis. Laissez désactivé pour des identifiants d’API.",
		},
	}, {
		Name: fieldKey, Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true, Secret: true,
		Label: sms.Text{EN: "API key", FR: "Clé API"},
		Help: sms.Text{
			EN: "The client ID of the API credentials; with the legacy switch on, the API user's name.",
			FR: "L’ID client des identifiants d’API ; avec l’ancien mode, le nom de l’utilisateur d’API.",
		},
		Pattern: `[^:]+`, PatternHelp: noColon,
	}, {
		Name: fieldSecret, Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true, Secret: true,
		Label: sms.Text{EN: "API secret", FR: "Secret API"},
		Help: sms.Text{
			EN: "The client secret of the API credentials, which may have an expiry date; with the legacy switch on, the API user's password.",
			FR: "Le secret client des identifiants d’API, qui peut avoir une date d’expiration ; avec l’ancien mode, le mot de passe de l’utilisateur d’API.",
		},
	}}
}

func webhookFields() []sms.Field {
	return []sms.Field{{
		Name: fieldWebhookUser, Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true, Secret: true,
		Label: sms.Text{EN: "Webhook user", FR: "Utilisateur du webhook"},
		Help: sms.Text{
			EN: "The user name set for callbacks on the messaging application, the same for inbound and status callbacks; 6 to 63 characters.",
			FR: "Le nom d’utilisateur défini pour les callbacks de l’application, le même pour les messages entrants et les statuts ; de 6 à 63 caractères.",
		},
		Pattern: `[^:]+`, PatternHelp: noColon,
	}, {
		Name: fieldWebhookPassword, Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true, Secret: true,
		Label: sms.Text{EN: "Webhook password", FR: "Mot de passe du webhook"},
		Help: sms.Text{
			EN: "The password that goes with it. Bandwidth signs nothing, so this is what proves that a callback is genuine: choose a long random one, of at most 63 characters.",
			FR: "Le mot de passe associé. Bandwidth ne signe rien : c’est lui qui prouve l’origine d’un callback ; choisissez-le long et aléatoire, d’au plus 63 caractères.",
		},
	}}
}

// noColon: HTTP Basic ends the user at the first colon (RFC 7617, section 2).
var noColon = sms.Text{EN: "must not hold a colon", FR: "ne doit pas contenir de deux-points"}

// connection returns the part of f that an account is opened with.
func connection(f sms.Form) sms.Form {
	f.Fields = slices.DeleteFunc(f.Fields, func(d sms.Field) bool { return d.Scope == sms.ScopeChannel })
	return f
}

// Setup is the form filled in, for a host that adds a channel in code.
type Setup struct {
	Name          string          // how agents see the channel; required
	PhoneNumber   channel.Address // E.164; required
	AccountID     string          // digits; required
	ApplicationID string          // UUID of the messaging application; required
	// UseBasic makes APIKey and APISecret a legacy API user and its password, see "Legacy credentials" in the package comment.
	UseBasic        bool
	APIKey          sms.Secret // OAuth 2.0 client ID; required
	APISecret       sms.Secret // OAuth 2.0 client secret; required
	WebhookUser     sms.Secret // Basic user of the application's callbacks; required
	WebhookPassword sms.Secret // its password; required
}

// Values returns the setup by field name, as [sms.Form.Validate] takes it. The secrets in it are in the clear.
func (s Setup) Values() map[string]string {
	v := map[string]string{
		fieldName:            s.Name,
		fieldPhone:           string(s.PhoneNumber),
		fieldAccount:         s.AccountID,
		fieldApplication:     s.ApplicationID,
		fieldKey:             s.APIKey.Reveal(),
		fieldSecret:          s.APISecret.Reveal(),
		fieldWebhookUser:     s.WebhookUser.Reveal(),
		fieldWebhookPassword: s.WebhookPassword.Reveal(),
	}
	if s.UseBasic {
		v[fieldBasic] = "true"
	}
	return v
}
