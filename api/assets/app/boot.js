// Sets theme and language before the first paint, so that nothing flashes. Not part of the bundle, because modules run later.
(function () {
  var root = document.documentElement;
  var stored = function (key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage is switched off
    }
  };
  var theme = stored('etfcast.theme');
  if (theme !== 'light' && theme !== 'dark') theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  root.dataset.theme = theme;
  var language = stored('etfcast.language');
  if (language !== 'en' && language !== 'ko') language = (navigator.language || 'en').toLowerCase().indexOf('ko') === 0 ? 'ko' : 'en';
  root.lang = language;
})();
