using System.Globalization;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Policy;

/// <summary>An operator's property protections, read and compiled.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format">What its rules are.</param>
/// <param name="Text">What was in it.</param>
/// <param name="Rules">What it comes to.</param>
internal sealed record ProtectionFile(string Path, ProtectionFormat Format, string Text, ProtectionSet Rules)
{
    /// <summary>What the file is for, in messages about it.</summary>
    public static readonly YamlUse FormOfFile = new(
        "write one, or correct property_protections.file in the configuration", "expected sections such as [^billing_], each with create, read, update and delete", null);

    /// <summary>Reads a file.</summary>
    /// <exception cref="ConfigurationException">It cannot be used; all that is wrong with it is in the message.</exception>
    public static ProtectionFile Read(ProtectionConfiguration configuration)
    {
        var problems = new List<ConfigurationProblem>();
        return YamlFile.ReadText(configuration.File, FormOfFile, problems) is { } text
            ? Parse(configuration.File, configuration.Format, text)
            : throw new ConfigurationException(problems);
    }

    /// <summary>Compiles the text of a file.</summary>
    /// <exception cref="ConfigurationException">It cannot be used.</exception>
    public static ProtectionFile Parse(string path, ProtectionFormat format, string text)
    {
        try
        {
            return new ProtectionFile(path, format, text, ProtectionSet.Parse(text, format));
        }
        catch (ProtectionException refused)
        {
            throw new ConfigurationException([.. refused.Problems.Select(problem => new ConfigurationProblem(string.Create(CultureInfo.InvariantCulture, $"{path}:{problem.Line}"), null, problem.Text))]);
        }
    }
}
