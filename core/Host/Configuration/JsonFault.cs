using System.Globalization;
using System.Text.Json;

namespace GlanceGateway.Host.Configuration;

/// <summary>What is wrong with a JSON file of an operator's, as editors count: lines and bytes from 1.</summary>
internal static class JsonFault
{
    /// <summary>Where: "line 3, byte 12".</summary>
    public static string PlaceOf(JsonException fault) =>
        string.Create(CultureInfo.InvariantCulture, $"line {(fault.LineNumber ?? 0) + 1}, byte {(fault.BytePositionInLine ?? 0) + 1}");

    /// <summary>Why: the parser's words without its own account of the place, which counts from 0.</summary>
    public static string ReasonOf(JsonException fault)
    {
        var place = fault.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return $"this is not JSON: {(place < 0 ? fault.Message : fault.Message[..place])}";
    }
}
