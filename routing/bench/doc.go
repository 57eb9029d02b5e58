// Package bench holds what package routing is measured against: the expression language expr-lang, a JSON Schema
// validator, the Unicode tables of x/text. It is a module of its own, so that none of them reaches a host.
package bench
