// Package contract holds the adapters and the fake carriers to what the carriers themselves publish: every request that
// an adapter sends, and every answer and callback of a fake, to the OpenAPI descriptions of Twilio and Bandwidth; every
// signature that our fake makes and our verifier accepts, to the validator of Twilio's package for Node. It has tests
// only, and is a module of its own, so that the validator of descriptions reaches no host.
//
// The descriptions are others' and not part of this repository: they are read from ../shared/data/openapi beside it, and
// what needs them is skipped, saying so, where that folder is missing. Twilio's package is looked for where
// LIVEDESK_TEST_TWILIO_NPM says, see .ci/twilio-npm.
package contract
