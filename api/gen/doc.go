// Package gen is made from api/openapi.yaml by oapi-codegen (`make generate`): the types of requests and answers, and
// the interface the handlers in package api implement. It is never edited; it owns no logic.
package gen
