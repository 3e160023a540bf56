package quality

const rulePriceRange = "price_range"
