using System.Globalization;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>
/// List parameters that compare columns: <c>name</c> and its like with a value or <c>in:</c> and a list, numbers also with <c>_min</c> and
/// <c>_max</c>, times with an operator. A value that its column cannot have (no such status, no number) matches nothing; it is no error.
/// </summary>
internal static class ColumnFilters
{
    private static readonly Dictionary<string, ImageColumn> Listed = new(StringComparer.Ordinal)
    {
        ["id"] = ImageColumn.Id,
        ["name"] = ImageColumn.Name,
        ["status"] = ImageColumn.Status,
        ["container_format"] = ImageColumn.ContainerFormat,
        ["disk_format"] = ImageColumn.DiskFormat,
    };

    private static readonly Dictionary<string, ImageColumn> Plain = new(StringComparer.Ordinal)
    {
        ["owner"] = ImageColumn.Owner,
        ["checksum"] = ImageColumn.Checksum,
        ["os_hash_algo"] = ImageColumn.HashAlgorithm,
        ["os_hash_value"] = ImageColumn.HashValue,
    };

    private static readonly Dictionary<string, ImageColumn> Numbers = new(StringComparer.Ordinal)
    {
        ["size"] = ImageColumn.Size,
        ["virtual_size"] = ImageColumn.VirtualSize,
        ["min_disk"] = ImageColumn.MinDisk,
        ["min_ram"] = ImageColumn.MinRam,
    };

    private static readonly Dictionary<string, ImageColumn> Times = new(StringComparer.Ordinal)
    {
        ["created_at"] = ImageColumn.CreatedAt,
        ["updated_at"] = ImageColumn.UpdatedAt,
    };

    /// <summary>Adds the conditions of a parameter.</summary>
    /// <returns>False when no column has the name.</returns>
    /// <exception cref="ApiException">400.</exception>
    public static bool TryAdd(List<ImageFilter> filters, string name, string value)
    {
        if (Listed.TryGetValue(name, out var column))
            filters.Add(List(column, value));
        else if (Plain.TryGetValue(name, out column))
            filters.Add(new(column, Comparison.Equal, [value]));
        else if (Numbers.TryGetValue(name, out column))
            filters.Add(Number(value) is { } number ? new(column, Comparison.Equal, [number]) : Nothing(column));
        else if (Times.TryGetValue(name, out column))
            AddTime(filters, name, column, value);
        else if (name.EndsWith("_min", StringComparison.Ordinal) || name.EndsWith("_max", StringComparison.Ordinal))
            filters.Add(Range(name, value));
        else
            return false;
        return true;
    }

    private static ImageFilter Nothing(ImageColumn column) => new(column, Comparison.In, []);

    private static ImageFilter Range(string name, string value)
    {
        if (Number(value) is not { } number)
            throw new ApiException(400, "Unable to filter on a range with a non-numeric value.");
        if (!Numbers.TryGetValue(name[..^4], out var column))
            throw new ApiException(400, $"Unable to filter on a range of '{name[..^4]}', which is not a number of an image.");
        return new(column, name.EndsWith("_min", StringComparison.Ordinal) ? Comparison.GreaterOrEqual : Comparison.LessOrEqual, [number]);
    }

    private static long? Number(string value) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private static ImageFilter List(ImageColumn column, string expression)
    {
        var (operation, value) = Split(expression);
        return operation switch
        {
            "eq" => Of(column, [value], Comparison.Equal),
            "in" => Of(column, QuotedList.Parse(value), Comparison.In),
            _ => throw UnknownOperator(operation),
        };
    }

    private static ImageFilter Of(ImageColumn column, List<string> values, Comparison comparison)
    {
        if (column != ImageColumn.Status)
            return new(column, comparison, [.. values]);
        List<object> statuses = [.. values.Select(WireNames.Status).OfType<ImageStatus>().Select(s => (object)s)];
        return new(column, statuses.Count == values.Count ? comparison : Comparison.In, statuses);
    }

    /// <summary>Users see whole seconds while the registry keeps microseconds, so a time without a fraction means its whole second.</summary>
    private static void AddTime(List<ImageFilter> filters, string name, ImageColumn column, string expression)
    {
        var (operation, text) = Split(expression);
        if (operation is not ("gt" or "gte" or "lt" or "lte" or "eq" or "neq"))
            throw UnknownOperator(operation);
        if (IsoTime.Parse(text) is not { } time)
            throw new ApiException(400, $"Bad \"{name}\" query filter format. Use ISO 8601 DateTime notation.");
        var whole = time.Ticks % TimeSpan.TicksPerSecond == 0 && time < DateTimeOffset.MaxValue.AddSeconds(-1);
        var next = whole ? time.AddSeconds(1) : time;
        switch (operation)
        {
            case "gt":
                filters.Add(new(column, whole ? Comparison.GreaterOrEqual : Comparison.Greater, [next]));
                break;
            case "gte":
                filters.Add(new(column, Comparison.GreaterOrEqual, [time]));
                break;
            case "lt":
                filters.Add(new(column, Comparison.Less, [time]));
                break;
            case "lte":
                filters.Add(new(column, whole ? Comparison.Less : Comparison.LessOrEqual, [next]));
                break;
            case "eq" when whole:
                filters.Add(new(column, Comparison.GreaterOrEqual, [time]));
                filters.Add(new(column, Comparison.Less, [next]));
                break;
            default:
                filters.Add(new(column, operation == "eq" ? Comparison.Equal : Comparison.NotEqual, [time]));
                break;
        }
    }

    /// <summary>Operator and value. What reads as a time has no operator, whatever its colons.</summary>
    private static (string Operation, string Value) Split(string expression)
    {
        var colon = expression.IndexOf(':');
        return colon < 0 || IsoTime.Parse(expression) is not null ? ("eq", expression) : (expression[..colon], expression[(colon + 1)..]);
    }

    private static ApiException UnknownOperator(string operation) => new(400, $"Unable to filter by unknown operator '{operation}'.");
}
