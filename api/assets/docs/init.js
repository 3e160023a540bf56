// Shows this server's OpenAPI document. A script of its own, because the page's policy allows none inside it.
window.ui = SwaggerUIBundle({
  dom_id: '#swagger-ui',
  url: '/openapi.json',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
  // The online validator is on another host.
  validatorUrl: null,
})
