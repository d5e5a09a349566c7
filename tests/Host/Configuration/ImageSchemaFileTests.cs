using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Tests.Configuration;

/// <summary>An operator's properties in the schema of images: what is taken, and what is refused with file, property and reason.</summary>
public sealed class ImageSchemaFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Properties_are_taken_as_Glance_writes_them()
    {
        var fields = Read("""
            {
              // As in Glance's own file.
              "kernel_id": { "type": ["null", "string"], "pattern": "^[0-9a-f]{8}$", "description": "ID of image stored in Glance.", "is_base": false },
              "rack": { "type": "string", "enum": ["a", "b"], "maxLength": 3 },
            }
            """);
        Assert.Equal(["kernel_id", "rack"], fields.Select(field => field.Name));
        Assert.All(fields, field => Assert.False(field.IsBase));
        Assert.Equal((AttributeType.NullableText, "^[0-9a-f]{8}$", "ID of image stored in Glance."), (fields[0].Type, fields[0].Pattern, fields[0].Description));
        Assert.Matches(fields[0].Checked!, "0123abcd");
        Assert.Equal((AttributeType.Text, 3, "a,b"), (fields[1].Type, fields[1].MaxLength, string.Join(',', fields[1].Allowed!)));
        Assert.Equal(["required", "properties"], Read("""{"required": {"type": "string"}, "properties": {"type": "string"}}""").Select(field => field.Name));
        Assert.Empty(Read("{}"));
        Assert.Empty(ImageSchemaFile.Read(null));
    }

    [Theory]
    [InlineData("[]", "expected a JSON object")]
    [InlineData("""{"rack": {"type": "string"}""", "line 1")]
    [InlineData("{\n\"rack\": nonsense}", "line 2, byte 10: ")]
    [InlineData("""{"rack": "string"}""", "rack: expected an object such as")]
    [InlineData("""{"rack": {}}""", "rack: the type of a custom property is")]
    [InlineData("""{"rack": {"type": "integer"}}""", "rack: the type of a custom property is")]
    [InlineData("""{"rack": {"type": ["string", "integer"]}}""", "rack: the type of a custom property is")]
    [InlineData("""{"rack": {"type": "string", "maxlength": 1}}""", "rack: there is no 'maxlength'; known are")]
    [InlineData("""{"rack": {"type": "string", "maxLength": "1"}}""", "rack: maxLength is a whole number")]
    [InlineData("""{"rack": {"type": "string", "maxLength": null}}""", "rack: maxLength is a whole number")]
    [InlineData("""{"rack": {"type": "string", "maxLength": -1}}""", "rack: maxLength is a whole number")]
    [InlineData("""{"rack": {"type": "string", "maxLength": 1.5}}""", "rack: maxLength is a whole number")]
    [InlineData("""{"rack": {"type": "string", "enum": "a"}}""", "rack: expected a list of texts")]
    [InlineData("""{"rack": {"type": "string", "enum": [1]}}""", "rack: expected a list of texts")]
    [InlineData("""{"rack": {"type": "string", "enum": ["\ud800"]}}""", "rack: ")]
    [InlineData("""{"rack": {"type": "string", "description": 1}}""", "rack: description is a text")]
    [InlineData("""{"rack": {"type": "string", "pattern": "("}}""", "rack: the pattern cannot be used: ")]
    [InlineData("""{"rack": {"type": "string", "pattern": "(a)\\1"}}""", "rack: the pattern cannot be used: ")]
    [InlineData("""{"disk_format": {"type": "string"}}""", "disk_format: it is there twice, or is an attribute of every image")]
    [InlineData("""{"rack": {"type": "string"}, "rack": {"type": "string"}}""", "rack: it is there twice")]
    [InlineData("""{"rack": {"type": "string"}, "required": ["rack"]}""", "required: no property can be demanded of images")]
    [InlineData("""{"properties": {"rack": {"type": "string"}}, "required": ["rack"]}""", "properties: the properties stand at the top of the file")]
    [InlineData("""{"rack": {"type": "string", "required": true}}""", "rack: there is no 'required'; known are")]
    [InlineData("""{"": {"type": "string"}}""", "no property can have that name")]
    [InlineData("""{"os_glance_x": {"type": "string"}}""", "os_glance_x: no property can have that name")]
    [InlineData("""{"deleted_at": {"type": "string"}}""", "deleted_at: no property can have that name")]
    public void What_cannot_be_meant_is_refused_with_file_and_property(string text, string problem)
    {
        var message = Assert.Throws<ConfigurationException>(() => Read(text)).Message;
        Assert.StartsWith(_directory.Below("schema-image.json"), message, StringComparison.Ordinal);
        Assert.Contains(problem, message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_that_is_wrong_is_said_at_once_and_a_missing_file_is_named()
    {
        var message = Assert.Throws<ConfigurationException>(() => Read("""{"a": {"type": 1}, "good": {"type": "string"}, "b": {}}""")).Message;
        Assert.Equal(2, message.Split('\n').Length);
        Assert.Contains("there is no such file", Assert.Throws<ConfigurationException>(() => ImageSchemaFile.Read(_directory.Below("absent.json"))).Message, StringComparison.Ordinal);
    }

    private IReadOnlyList<ImageField> Read(string text) => ImageSchemaFile.Read(_directory.Write("schema-image.json", text));
}
