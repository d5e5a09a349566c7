using System.Text.Json;

namespace GlanceGateway.Images;

/// <summary>
/// Checks a JSON value against a schema, as far as the schemas of metadata definitions go: type, enum, required, properties,
/// additionalProperties, items, maxLength, minimum, minItems, uniqueItems, allOf, and references to definitions of the same document.
/// Other keywords describe and do not check. What is published is so what is checked.
/// </summary>
/// <remarks>The work is linear in the value: a schema never refers to itself, and repeats are found by a set.</remarks>
internal sealed class JsonSchemaCheck(JsonElement schema)
{
    private const string Definitions = "#/definitions/";

    /// <summary>What is wrong with a value; null when nothing is.</summary>
    public string? Find(JsonElement value) => Find(schema, value, "");

    private string? Find(JsonElement rules, JsonElement value, string place)
    {
        if (rules.TryGetProperty("$ref", out var reference))
        {
            return Find(schema.GetProperty("definitions").GetProperty(reference.GetString()![Definitions.Length..]), value, place);
        }

        if (rules.TryGetProperty("allOf", out var all))
        {
            return all.EnumerateArray().Select(part => Find(part, value, place)).FirstOrDefault(problem => problem is not null);
        }

        if (rules.TryGetProperty("type", out var type) && !HasType(value, type.GetString()!))
        {
            return $"{Shown(value)} is not of type '{type.GetString()}'{place}";
        }

        if (rules.TryGetProperty("enum", out var allowed) && !allowed.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value)))
        {
            return $"{Shown(value)} is not one of {allowed.GetRawText()}{place}";
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object => FindInObject(rules, value, place),
            JsonValueKind.Array => FindInArray(rules, value, place),
            JsonValueKind.String when rules.TryGetProperty("maxLength", out var most) && value.GetString()!.EnumerateRunes().Count() > most.GetInt32() =>
                $"{Shown(value)} is too long: at most {most.GetInt32()} characters{place}",
            JsonValueKind.Number when rules.TryGetProperty("minimum", out var least) && value.GetDouble() < least.GetDouble() =>
                $"{Shown(value)} is less than the minimum of {least.GetRawText()}{place}",
            _ => null,
        };
    }

    private string? FindInObject(JsonElement rules, JsonElement value, string place)
    {
        var known = rules.TryGetProperty("properties", out var properties) ? properties : default;
        var others = rules.TryGetProperty("additionalProperties", out var additional) ? additional : default;
        foreach (var member in value.EnumerateObject())
        {
            var at = $" at '{member.Name}'{(place.Length == 0 ? "" : " of" + place[3..])}";
            if (known.ValueKind == JsonValueKind.Object && known.TryGetProperty(member.Name, out var rule))
            {
                if (Find(rule, member.Value, at) is { } problem)
                {
                    return problem;
                }
            }
            else if (others.ValueKind == JsonValueKind.False)
            {
                return $"Additional properties are not allowed ('{member.Name}' was unexpected){place}";
            }
            else if (others.ValueKind == JsonValueKind.Object && Find(others, member.Value, at) is { } problem)
            {
                return problem;
            }
        }

        if (!rules.TryGetProperty("required", out var required))
        {
            return null;
        }

        var missing = required.EnumerateArray().Select(name => name.GetString()!).FirstOrDefault(name => !value.TryGetProperty(name, out _));
        return missing is null ? null : $"'{missing}' is a required property{place}";
    }

    private string? FindInArray(JsonElement rules, JsonElement value, string place)
    {
        if (rules.TryGetProperty("minItems", out var fewest) && value.GetArrayLength() < fewest.GetInt32())
        {
            return $"{Shown(value)} has fewer than {fewest.GetInt32()} items{place}";
        }

        if (rules.TryGetProperty("uniqueItems", out var unique) && unique.ValueKind == JsonValueKind.True)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            if (value.EnumerateArray().Any(item => !seen.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText())))
            {
                return $"{Shown(value)} has repeated items{place}";
            }
        }

        return rules.TryGetProperty("items", out var items)
            ? value.EnumerateArray().Select(item => Find(items, item, place)).FirstOrDefault(problem => problem is not null)
            : null;
    }

    private static bool HasType(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        _ => value.ValueKind == JsonValueKind.Null,
    };

    /// <summary>A value as a refusal names it, cut where it is long.</summary>
    private static string Shown(JsonElement value)
    {
        const int Longest = 80;
        var text = value.ValueKind == JsonValueKind.String ? $"'{value.GetString()}'" : value.GetRawText();
        return text.Length <= Longest ? text : text[..Longest] + "…";
    }
}
